import { useState, type ReactNode } from 'react';

// Clipboard access needs a secure context; elsewhere a selection does it.
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.style.position = 'fixed';
    area.style.opacity = '0';
    document.body.appendChild(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

export function CopyButton({ text, what }: { text: string; what: string }): ReactNode {
  const [state, setState] = useState<'idle' | 'done' | 'failed'>('idle');
  const copy = (): void => {
    void copyText(text).then((done) => {
      setState(done ? 'done' : 'failed');
      window.setTimeout(() => setState('idle'), 1500);
    });
  };
  return (
    <button type="button" className="copy" onClick={copy} aria-label={`Copy ${what}`} title={`Copy ${what}`}>
      {state === 'idle' ? 'Copy' : state === 'done' ? 'Copied' : 'Failed'}
    </button>
  );
}
