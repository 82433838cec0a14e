// Numbers as people read them. Everything here is pure.

const THIN = '\u202f'; // a narrow space that does not break: between a number and its unit

export function withUnit(value: string, unit: string): string {
  return value + THIN + unit;
}

// Three significant digits at most, without trailing zeros: 0.42, 3.1, 128.
export function digits(value: number): string {
  const size = Math.abs(value);
  const places = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2;
  const text = value.toFixed(places);
  return places > 0 ? text.replace(/\.?0+$/, '') : text;
}

// 950, 1.2k, 3.4M: for axes and small places.
export function compact(value: number): string {
  const size = Math.abs(value);
  if (size >= 999.5e6) {
    return digits(value / 1e9) + 'G';
  }
  if (size >= 999.5e3) {
    return digits(value / 1e6) + 'M';
  }
  if (size >= 1e4) {
    return digits(value / 1e3) + 'k';
  }
  return digits(value);
}

// 12,345: for counts that are read in full.
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function perSecond(value: number): string {
  return compact(value) + '/s';
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = value;
  let unit = 0;
  while (size >= 1023.5 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return withUnit(digits(unit === 0 ? Math.round(size) : size), units[unit] ?? 'B');
}

export function bytesPerSecond(value: number): string {
  return bytes(value) + '/s';
}

// Of a share: 0.123 is 12 %.
export function percent(share: number): string {
  const value = share * 100;
  return withUnit(value >= 9.95 ? value.toFixed(0) : digits(value), '%');
}

export function microseconds(value: number): string {
  if (value >= 999_500) {
    return withUnit(digits(value / 1e6), 's');
  }
  if (value >= 999.5) {
    return withUnit(digits(value / 1e3), 'ms');
  }
  return withUnit(digits(value), 'µs');
}

export function milliseconds(value: number): string {
  return microseconds(value * 1000);
}

// 3.2 s: for what a visitor waits for.
export function seconds(ms: number): string {
  return withUnit((ms / 1000).toFixed(1), 's');
}

// How long something has lasted, in its two largest units: 8 s, 4 min 5 s, 3 h 20 min, 12 d 4 h.
export function duration(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  const units: readonly [number, string][] = [
    [86400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const first = units.findIndex(([size]) => total >= size);
  if (first < 0) {
    return withUnit('0', 's');
  }
  let rest = total;
  const parts: string[] = [];
  for (const [size, unit] of units.slice(first, first + 2)) {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    if (amount > 0) {
      parts.push(withUnit(String(amount), unit));
    }
  }
  return parts.join(' ');
}

export function clock(date: Date): string {
  return date.toLocaleTimeString('en-GB', { hour12: false });
}

export function hex(data: Uint8Array): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
