"""Fires botocore's requests at a server that accepts nothing but good signatures: python3 botocore_requests.py URL.

Credentials come from the environment. Each step prints a line; the exit code is 1 when one was refused.
"""
import hashlib
import io
import sys
import urllib.request
import uuid

import botocore.session
from botocore.config import Config

URL = sys.argv[1]
KEYS = ["a/b.txt", "sp ace+plus.txt", "ünï/c=1&d?.txt", "us-east-1:1-2/x", "quote'()!*~.txt", "//double//slash/../x"]
failed = False


def client(service, region="us-east-1", **config):
    c = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **config)
    return botocore.session.get_session().create_client(service, region, endpoint_url=URL, config=c)


def step(name, call):
    global failed
    try:
        call()
        print("ok", name)
    except Exception as e:  # whatever it is, the step failed
        failed = True
        body = e.read() if hasattr(e, "read") else getattr(e, "response", "")
        print("FAIL", name, e, body)


def fetch(url, method="GET", data=None, headers=None):
    urllib.request.urlopen(urllib.request.Request(url, data=data, method=method, headers=headers or {})).read()


def post(form):
    b = uuid.uuid4().hex
    parts = [f'--{b}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in form["fields"].items()]
    parts.append(f'--{b}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhello\r\n--{b}--\r\n')
    fetch(form["url"], "POST", "".join(parts).encode(), {"Content-Type": "multipart/form-data; boundary=" + b})


def meta(body):
    return {"sum": hashlib.sha256(body).hexdigest()}


s3 = client("s3")
big = b"x" * 300_000
for key in KEYS:
    step("PutObject " + key, lambda: s3.put_object(Bucket="bkt", Key=key, Body=b"hello", Metadata=meta(b"hello")))
step("PutObject stream", lambda: s3.put_object(Bucket="bkt", Key="k", Body=io.BytesIO(big), ChecksumAlgorithm="CRC32", Metadata=meta(big)))
step("ListObjectsV2", lambda: s3.list_objects_v2(Bucket="bkt", Prefix="a b/ü+&="))
for region, version in [("us-east-1", None), ("us-east-1", "s3v4"), ("eu-central-1", None), ("local-1", None)]:
    c = client("s3", region, **({"signature_version": version} if version else {}))
    for key in KEYS:
        step(f"{region} {version} presigned GET {key}", lambda: fetch(c.generate_presigned_url("get_object", {"Bucket": "bkt", "Key": key, "ResponseContentType": "a/b c"})))
    step(f"{region} {version} presigned PUT", lambda: fetch(c.generate_presigned_url("put_object", {"Bucket": "bkt", "Key": "k", "ContentType": "text/plain"}), "PUT", b"hello", {"Content-Type": "text/plain"}))
    step(f"{region} {version} presigned POST", lambda: post(c.generate_presigned_post("bkt", "k")))
step("DescribeTable", lambda: client("dynamodb").describe_table(TableName="tasks"))
step("GetFunction by ARN", lambda: client("lambda").get_function(FunctionName="arn:aws:lambda:us-east-1:123456789012:function:f:1"))
step("GetCallerIdentity", lambda: client("sts").get_caller_identity())
step("presigned GetCallerIdentity", lambda: fetch(client("sts").generate_presigned_url("get_caller_identity", HttpMethod="GET")))
sys.exit(failed)
