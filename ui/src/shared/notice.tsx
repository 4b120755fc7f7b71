// What is said where data would be: why there is none, and what to do.
import type { ReactNode } from 'react';

interface NoticeProps {
  kind: 'empty' | 'error';
  title: string;
  children?: ReactNode;
}

export function Notice({ kind, title, children }: NoticeProps): ReactNode {
  return (
    <div className={`notice notice-${kind}`} role={kind === 'error' ? 'alert' : 'status'} data-testid={kind === 'empty' ? 'empty-state' : 'error-state'}>
      <strong>{title}</strong>
      {children !== undefined && <div>{children}</div>}
    </div>
  );
}

export function Skeleton({ lines }: { lines: number }): ReactNode {
  return (
    <div className="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, index) => (
        <i key={index} style={{ width: `${90 - ((index * 17) % 40)}%` }} />
      ))}
    </div>
  );
}
