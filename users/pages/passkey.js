(() => {
  const place = document.getElementById('passkey');
  const form = document.getElementById('main');
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const ask = async () => {
    const request = JSON.parse(place.dataset.request);
    request.challenge = bytes(request.challenge);
    for (const known of request.allowCredentials || []) known.id = bytes(known.id);
    const found = await navigator.credentials.get({ publicKey: request });
    const answer = { id: found.id, rawId: text(found.rawId), type: found.type, clientExtensionResults: found.getClientExtensionResults(), response: {} };
    if (found.authenticatorAttachment) answer.authenticatorAttachment = found.authenticatorAttachment;
    for (const part of ['authenticatorData', 'clientDataJSON', 'signature', 'userHandle']) if (found.response[part]) answer.response[part] = text(found.response[part]);
    form.elements.credential.value = JSON.stringify(answer);
    form.submit();
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    ask().catch(() => { place.className = 'error'; place.setAttribute('role', 'alert'); place.textContent = place.dataset.failed; });
  });
})();
