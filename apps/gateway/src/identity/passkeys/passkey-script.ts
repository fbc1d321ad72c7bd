/** Path of the one script of the gateway's pages. */
export const passkeyScriptPath = '/pages/passkey.js';

/** Asks the browser for a passkey when a form with `data-passkey` is sent, and sends the answer along. */
export const passkeyScript = `'use strict';
const form = document.querySelector('form[data-passkey]');
const say = (text) => { form.querySelector('[role="status"]').textContent = text; };
const ask = async () => {
  const options = JSON.parse(form.dataset.options);
  if (form.dataset.passkey === 'create')
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
};
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  say('Waiting for the passkey …');
  try {
    form.elements.answer.value = JSON.stringify((await ask()).toJSON());
  } catch (error) {
    say(window.PublicKeyCredential && PublicKeyCredential.parseRequestOptionsFromJSON
      ? 'No passkey was used (' + error.name + '). You can try again.'
      : 'This browser cannot use passkeys here.');
    return;
  }
  // It sends the form without asking again.
  form.submit();
});
form.querySelector('button').disabled = false;
`;
