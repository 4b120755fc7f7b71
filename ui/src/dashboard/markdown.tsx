// The part of Markdown that text panels use, as elements; HTML in it is shown
// as text, never run.
import { Fragment, type ReactNode } from 'react';

const INLINE = /(`[^`]+`)|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*]+)\*|!?\[([^\]]*)\]\(([^)\s]+)[^)]*\)|(https?:\/\/[^\s<)]+)/g;

function inline(text: string): ReactNode[] {
  const out: ReactNode[] = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, code, strong, strong2, emphasis, label, href, bare] = match;
    if (match.index > end) out.push(text.slice(end, match.index));
    end = match.index + whole.length;
    const key = match.index;
    if (code !== undefined) out.push(<code key={key}>{code.slice(1, -1)}</code>);
    else if (strong !== undefined || strong2 !== undefined) out.push(<strong key={key}>{strong ?? strong2}</strong>);
    else if (emphasis !== undefined) out.push(<em key={key}>{emphasis}</em>);
    else out.push(link(key, href ?? bare ?? '', label ?? bare ?? ''));
  }
  if (end < text.length) out.push(text.slice(end));
  return out;
}

function link(key: number, href: string, label: string): ReactNode {
  if (!/^(https?:\/\/|\/|#|mailto:)/i.test(href)) return <Fragment key={key}>{label}</Fragment>;
  return (
    <a key={key} href={href} rel="noreferrer">
      {label || href}
    </a>
  );
}

export function Markdown({ text }: { text: string }): ReactNode {
  const blocks = text.replace(/\r/g, '').split(/\n{2,}|\n(?=#{1,6} )|(?<=^#{1,6} .*)\n/m);
  return <div className="markdown">{blocks.map((block, index) => renderBlock(block.trim(), index))}</div>;
}

function renderBlock(block: string, key: number): ReactNode {
  if (block === '') return null;
  const heading = /^(#{1,6})\s+(.*)$/s.exec(block);
  if (heading) return <h4 key={key}>{inline(heading[2] ?? '')}</h4>;
  const fence = /^```\w*\n?([\s\S]*?)```$/.exec(block);
  if (fence) return <pre key={key}>{fence[1]}</pre>;
  const lines = block.split('\n');
  const bullet = /^\s*(?:[-*+]|\d+\.)\s+/;
  if (lines.every((line) => bullet.test(line))) {
    const items = lines.map((line, index) => <li key={index}>{inline(line.replace(bullet, ''))}</li>);
    return /^\s*\d/.test(block) ? <ol key={key}>{items}</ol> : <ul key={key}>{items}</ul>;
  }
  return <p key={key}>{inline(lines.join(' '))}</p>;
}

// A text panel in HTML mode: its words, without its elements.
export function plainText(html: string): string {
  const document = new DOMParser().parseFromString(html, 'text/html');
  document.querySelectorAll('script,style').forEach((element) => element.remove());
  return (document.body.textContent ?? '').replace(/[ \t]+\n/g, '\n').trim();
}
