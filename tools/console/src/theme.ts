// The style sheet's colours for what is painted on a canvas, which knows no custom properties.

const dark = matchMedia('(prefers-color-scheme: dark)');

let cache = new Map<string, string>();

export function colour(name: string): string {
  let value = cache.get(name);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    cache.set(name, value);
  }
  return value;
}

export function onThemeChange(changed: () => void): void {
  dark.addEventListener('change', () => {
    cache = new Map();
    changed();
  });
}
