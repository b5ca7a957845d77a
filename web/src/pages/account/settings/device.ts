const BROWSERS: readonly [RegExp, string][] = [
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/(Chrome|Chromium|CriOS)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
];
const SYSTEMS: readonly [RegExp, string][] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
];

const named = (list: readonly [RegExp, string][], text: string) =>
  list.find(([look]) => look.test(text))?.[1];

/** What people call the browser and the device that call themselves so; what is not known is told as it is. */
export function deviceOf(userAgent: string): { browser: string; system: string | undefined; small: boolean } {
  const system = named(SYSTEMS, userAgent);
  return {
    browser: named(BROWSERS, userAgent) ?? userAgent.slice(0, 60),
    system,
    small: /iPhone|Android.*Mobile/.test(userAgent),
  };
}
