// Imported before everything else. Monaco and the dialogs write style sheets into the page while
// they run. The policy of the page lets them in by the nonce that the server drew for this one
// answer, and not by 'unsafe-inline'; neither package takes a nonce that isn't put there.
const { nonce } = document.querySelector('script[nonce]');
const create = document.createElement;

document.createElement = function createElement(name, options) {
  const element = create.call(document, name, options);
  if (element instanceof HTMLStyleElement) element.nonce = nonce;
  return element;
};
