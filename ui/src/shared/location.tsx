// The URL is the state: a hook that follows it, and links that change it
// without loading a page.
import { useMemo, useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent, type ReactNode } from 'react';

const CHANGED = 'sightline:location';

function subscribe(listener: () => void): () => void {
  window.addEventListener('popstate', listener);
  window.addEventListener(CHANGED, listener);
  return () => {
    window.removeEventListener('popstate', listener);
    window.removeEventListener(CHANGED, listener);
  };
}

export interface Place {
  path: string;
  query: URLSearchParams;
}

export function useLocation(): Place {
  const href = useSyncExternalStore(subscribe, () => window.location.pathname + window.location.search);
  return useMemo(() => {
    const mark = href.indexOf('?');
    return { path: mark < 0 ? href : href.slice(0, mark), query: new URLSearchParams(mark < 0 ? '' : href.slice(mark)) };
  }, [href]);
}

export function navigate(href: string, replace = false): void {
  if (replace) window.history.replaceState(null, '', href);
  else window.history.pushState(null, '', href);
  window.dispatchEvent(new Event(CHANGED));
  if (!replace && !href.startsWith('?')) window.scrollTo(0, 0);
}

// Changes some query parameters and keeps the others; null takes one away.
export function setQuery(changes: Readonly<Record<string, string | readonly string[] | null>>, replace = false): void {
  const query = new URLSearchParams(window.location.search);
  for (const [key, value] of Object.entries(changes)) {
    query.delete(key);
    for (const each of value === null ? [] : typeof value === 'string' ? [value] : value) query.append(key, each);
  }
  const tail = query.toString();
  const href = window.location.pathname + (tail ? `?${tail}` : '');
  if (replace) window.history.replaceState(null, '', href);
  else window.history.pushState(null, '', href);
  window.dispatchEvent(new Event(CHANGED));
}

interface LinkProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  href: string;
  children: ReactNode;
}

export function Link({ href, onClick, ...rest }: LinkProps): ReactNode {
  const follow = (event: MouseEvent<HTMLAnchorElement>): void => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(href);
  };
  return <a href={href} onClick={follow} {...rest} />;
}
