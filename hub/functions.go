package hub

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"bothy/api/lambda"
	"bothy/wire"
)

// maxCode bounds the zip of one function (AWS quota of direct uploads).
const maxCode = 50 << 20

// functions makes the code behind the paths. A path names its function; several paths may share one.
func (r *run) functions() error {
	if !r.wanted["role/lambda"] {
		return nil
	}
	files := ""
	if r.p.UserFiles {
		files = r.row.bucket("userfiles")
	}
	if err := r.policy("role/lambda", "lambdaexecutionrole", "cloud-api", functionsPolicy(r.row.Region, r.account, r.tableAccess(), files)); err != nil {
		return err
	}
	for _, a := range r.p.APIs {
		if a.Existing != "" {
			continue
		}
		done := map[string]bool{}
		for _, path := range a.Paths {
			if done[path.Function.Name] {
				continue
			}
			done[path.Function.Name] = true
			if err := r.function(a, path.Function); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) function(a API, f Function) error {
	key, real := "function/"+a.Name+"/"+f.Name, r.row.function(a.Name, f.Name)
	have := r.want(key)
	code, err := r.code(f)
	if err != nil {
		return err
	}
	env := r.environment(f)
	hash := fingerprint(code, f.Handler, f.Runtime, fmt.Sprint(f.MemoryMB, f.TimeoutS), f.Description, asJSON(env))
	m := made{
		Key: key, Type: "AWS::Lambda::Function", Name: real, Feature: "cloud-api", Hash: hash,
		ARN:   "arn:aws:lambda:" + r.row.Region + ":" + r.account + ":function:" + real,
		Attrs: map[string]string{"configApiName": a.Name, "configHandlerName": f.Name, "region": r.row.Region, "status": "CREATE_COMPLETE"},
	}
	_, err = call(r, lambda.GetFunction, &lambda.GetFunctionInput{FunctionName: wire.Some(real)})
	switch {
	case failed(err, "ResourceNotFoundException"):
		_, err = call(r, lambda.CreateFunction, &lambda.CreateFunctionInput{
			FunctionName: wire.Some(real), Runtime: wire.Some(f.Runtime), Handler: wire.Some(f.Handler), Role: wire.Some(r.roleARN("lambdaexecutionrole")),
			Description: wire.NonEmpty(f.Description), MemorySize: wire.Some(int32(f.MemoryMB)), Timeout: wire.Some(int32(f.TimeoutS)),
			Environment: &lambda.Environment{Variables: env}, Code: &lambda.FunctionCode{ZipFile: code},
		})
	case err != nil:
		return err
	case have != nil && have.Hash == hash:
		return nil
	default:
		m.Attrs["status"] = "UPDATE_COMPLETE"
		err = r.updateFunction(real, f, env, code)
	}
	if err != nil {
		return err
	}
	return r.note(m)
}

func (r *run) updateFunction(name string, f Function, env map[string]string, code []byte) error {
	if _, err := call(r, lambda.UpdateFunctionConfiguration, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: wire.Some(name), Runtime: wire.Some(f.Runtime), Handler: wire.Some(f.Handler), Role: wire.Some(r.roleARN("lambdaexecutionrole")),
		Description: wire.Some(f.Description), MemorySize: wire.Some(int32(f.MemoryMB)), Timeout: wire.Some(int32(f.TimeoutS)),
		Environment: &lambda.Environment{Variables: env},
	}); err != nil {
		return err
	}
	_, err := call(r, lambda.UpdateFunctionCode, &lambda.UpdateFunctionCodeInput{FunctionName: wire.Some(name), ZipFile: code})
	return err
}

// environment is what the project sets, with the prefix put in, and what every Mobile Hub function has.
func (r *run) environment(f Function) map[string]string {
	env := map[string]string{}
	for k, v := range f.Environment {
		env[k] = r.row.expand(v)
	}
	env["MOBILE_HUB_DYNAMIC_PREFIX"], env["REGION"] = r.row.resourcePrefix(), r.row.Region
	return env
}

// code is a function's zip: from the deployments bucket, or the default function.
func (r *run) code(f Function) ([]byte, error) {
	if f.CodeFile == "" {
		return defaultCode()
	}
	bucket := r.row.bucket("deployments")
	code, err := r.getObject(bucket, f.CodeFile, maxCode)
	if err != nil {
		return nil, err
	}
	if code == nil {
		return nil, badRequest("Unable to find build artifact %s in Amazon S3 bucket %s for %s.", f.CodeFile, bucket, r.row.Name)
	}
	return code, nil
}

func fingerprint(code []byte, texts ...string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q", texts)
	h.Write(code)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// defaultFunction answers with the request it got, as Mobile Hub's sample did.
const defaultFunction = `'use strict';

exports.handler = function (event, context, callback) {
  console.log('received event for ' + event.httpMethod + ' ' + event.path);
  callback(null, {
    statusCode: 200,
    headers: { 'Access-Control-Allow-Origin': '*', 'Content-Type': 'application/json' },
    body: JSON.stringify({ path: event.path, httpMethod: event.httpMethod, queryStringParameters: event.queryStringParameters, body: event.body })
  });
};
`

// defaultCode is the default function as a zip that answers to the usual handler names.
func defaultCode() ([]byte, error) {
	return zipOf(map[string][]byte{"index.js": []byte(defaultFunction), "lambda.js": []byte(defaultFunction), "app.js": []byte(defaultFunction)})
}

// zipTime is the date of files in our zips: any valid one, for readers that look.
var zipTime = time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)

// zipOf packs files in the order of their names, the same bytes each time.
func zipOf(files map[string][]byte) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: zipTime})
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(files[name]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
