// Passkeys: the only script of these pages. A form with data-passkey="get" or "create" holds the options in
// data-options; what the browser answers goes into its field "credential", and the form is sent.
(() => {
  'use strict';
  const form = document.querySelector('form[data-passkey]');
  const button = form.querySelector('[data-passkey-button]');
  const alarm = document.getElementById('passkey-error');
  const create = form.dataset.passkey === 'create';
  const key = window.PublicKeyCredential;

  const say = which => {
    alarm.textContent = alarm.dataset[which];
    alarm.hidden = false;
  };

  const bytes = text => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), c => c.charCodeAt(0));

  const text = buffer => {
    let binary = '';
    for (const b of new Uint8Array(buffer)) binary += String.fromCharCode(b);
    return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
  };

  // For browsers without the functions of WebAuthn level 3 that do this.
  const decode = options => {
    const known = list => list && list.map(c => ({ ...c, id: bytes(c.id) }));
    const decoded = { ...options, challenge: bytes(options.challenge) };
    if (options.user) decoded.user = { ...options.user, id: bytes(options.user.id) };
    if (options.allowCredentials) decoded.allowCredentials = known(options.allowCredentials);
    if (options.excludeCredentials) decoded.excludeCredentials = known(options.excludeCredentials);
    return decoded;
  };

  const parse = options => {
    const native = create ? key.parseCreationOptionsFromJSON : key.parseRequestOptionsFromJSON;
    return native ? native.call(key, options) : decode(options);
  };

  const encode = credential => {
    if (credential.toJSON) {
      try {
        return credential.toJSON();
      } catch { /* some password managers put a toJSON there that throws */ }
    }
    const r = credential.response;
    const response = { clientDataJSON: text(r.clientDataJSON) };
    for (const name of ['attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
      if (r[name]) response[name] = text(r[name]);
    }
    if (r.getTransports) response.transports = r.getTransports();
    return {
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response,
      authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
      clientExtensionResults: credential.getClientExtensionResults(),
    };
  };

  // A browser may want a press of the button first: the try without one fails silently.
  const run = async pressed => {
    alarm.hidden = true;
    button.disabled = true;
    try {
      const publicKey = parse(JSON.parse(form.dataset.options));
      const credential = await (create ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey }));
      form.elements.credential.value = JSON.stringify(encode(credential));
      form.submit();
    } catch (error) {
      button.disabled = false;
      if (pressed || error.name !== 'NotAllowedError') say({ NotAllowedError: 'cancelled', AbortError: 'cancelled', InvalidStateError: create ? 'known' : 'failed' }[error.name] ?? 'failed');
    }
  };

  if (!key || !navigator.credentials) return say('unsupported');
  button.hidden = false;
  button.addEventListener('click', () => run(true));
  button.focus();
  if (!create) run(false);
})();
