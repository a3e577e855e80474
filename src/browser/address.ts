/** Addresses as a page means them. */

/** As the page means it: relative to its document, in a worker to the script. */
export function absolute(address: string | URL): string {
  const { document, location } = globalThis as { document?: Document; location?: { href: string } };
  return new URL(address, document?.baseURI ?? location?.href).href;
}

/** The address of a folder, as one that names of files may be appended to. */
export function folderOf(address: string | URL): string {
  const folder = new URL(absolute(address));
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  return folder.href;
}
