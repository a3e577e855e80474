/** Headers under which the static page runs. The page has the policy as a meta element too, since not every host sends headers. */

/** Nothing foreign; code is compiled from WebAssembly only, by onnxruntime-web. `blob:` are video files that a person chose. */
export const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; " +
  "media-src blob:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'";

export const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};
