// A button with a small panel below it; Escape or a click elsewhere closes it.
import { useEffect, useRef, useState, type ReactNode } from 'react';

interface PopoverProps {
  label: ReactNode;
  name: string; // accessible name of the button
  className?: string;
  align?: 'left' | 'right';
  children: (close: () => void) => ReactNode;
}

export function Popover({ label, name, className, align = 'right', children }: PopoverProps): ReactNode {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    const outside = (event: Event): void => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    const key = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape') return;
      setOpen(false);
      button.current?.focus();
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    document.addEventListener('keydown', key);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
      document.removeEventListener('keydown', key);
    };
  }, [open]);
  return (
    <div className="popover" ref={root}>
      <button ref={button} type="button" className={className ?? 'button'} aria-label={name} aria-expanded={open} onClick={() => setOpen(!open)}>
        {label}
      </button>
      {open && <div className={`popover-panel popover-${align}`}>{children(() => setOpen(false))}</div>}
    </div>
  );
}
