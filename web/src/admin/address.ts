/** What is wrong with the address that a webhook is to be told at. */
export function wrongUrl(text: string): 'noUrl' | 'notHttps' | 'credentials' | undefined {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    return 'noUrl';
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'notHttps';
  if (url.username || url.password) return 'credentials';
  return undefined;
}
