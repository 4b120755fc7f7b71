// Light and dark: the system's choice until the person makes one.
import { useSyncExternalStore } from 'react';

export type Theme = 'light' | 'dark';

const KEY = 'sightline.theme';
const system = window.matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

function stored(): Theme | null {
  try {
    const value = window.localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : null;
  } catch {
    return null; // storage may be forbidden; the system's choice then stands
  }
}

let chosen = stored();

function current(): Theme {
  return chosen ?? (system.matches ? 'dark' : 'light');
}

function publish(): void {
  document.documentElement.dataset['theme'] = current();
  for (const listener of listeners) listener();
}

export function startTheme(): void {
  system.addEventListener('change', publish);
  publish();
}

export function toggleTheme(): void {
  chosen = current() === 'dark' ? 'light' : 'dark';
  try {
    window.localStorage.setItem(KEY, chosen);
  } catch {
    // Kept for this visit only.
  }
  publish();
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, current);
}

// Series colours with at least 3:1 against the theme's panel. Index wraps.
const PALETTES: Readonly<Record<Theme, readonly string[]>> = {
  light: ['#0b7a6e', '#3b6fd4', '#b8551f', '#8a4fbf', '#956600', '#c23b6b', '#4f7a1f', '#1f7fa8', '#7a5a3c', '#5a6675'],
  dark: ['#4fd1bd', '#7ea8ff', '#f2935c', '#c79bf2', '#e3b341', '#f27fa6', '#9ccc65', '#5cc1e8', '#c8a27a', '#9fb0c3'],
};

export function seriesColour(index: number, theme: Theme): string {
  const palette = PALETTES[theme];
  return palette[index % palette.length] ?? '#888888';
}

// Grafana's colour names, toned to the theme; a CSS colour passes through.
const NAMED: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  green: ['#2f7d32', '#6fcf73'],
  red: ['#c62839', '#ff7b86'],
  yellow: ['#9a7400', '#f0cc4f'],
  orange: ['#b8551f', '#ffa35c'],
  blue: ['#2f66c8', '#7ea8ff'],
  purple: ['#8a4fbf', '#c79bf2'],
  text: ['#1b2226', '#e6ebee'],
  white: ['#ffffff', '#ffffff'],
  black: ['#000000', '#000000'],
  transparent: ['transparent', 'transparent'],
};

export function namedColour(name: string, theme: Theme): string {
  const root = name.replace(/^(super-light|light|semi-dark|dark)-/, '');
  const pair = NAMED[root];
  if (pair) return theme === 'light' ? pair[0] : pair[1];
  return name;
}
