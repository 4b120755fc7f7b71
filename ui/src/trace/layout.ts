// Arithmetic of the waterfall: the tree of spans as rows, and times as places.
import type { Span } from './decode';

export interface SpanNode {
  span: Span;
  depth: number;
  parent: SpanNode | null;
  children: SpanNode[];
  descendants: number;
  hasError: boolean; // itself or any descendant
}

export interface SpanTree {
  roots: SpanNode[];
  byId: ReadonlyMap<string, SpanNode>;
}

// Spans whose parent is not among them become roots. Copies of a span id after
// the first hang under the same parent; a cycle of parents is cut at its first
// span, so that every span is in the tree exactly once.
export function buildTree(spans: readonly Span[]): SpanTree {
  const nodes = spans.map<SpanNode>((span) => ({ span, depth: 0, parent: null, children: [], descendants: 0, hasError: false }));
  const byId = new Map<string, SpanNode>();
  for (const node of nodes) if (!byId.has(node.span.spanId)) byId.set(node.span.spanId, node);
  const roots: SpanNode[] = [];
  for (const node of nodes) {
    const parent = byId.get(node.span.parentSpanId);
    if (parent === undefined || parent === node || reaches(parent, node)) {
      roots.push(node);
    } else {
      node.parent = parent;
      parent.children.push(node);
    }
  }
  for (const node of preorder(roots)) node.depth = node.parent ? node.parent.depth + 1 : 0;
  for (const node of preorder(roots).reverse()) {
    node.hasError ||= node.span.statusCode === 'error';
    if (node.parent) {
      node.parent.descendants += node.descendants + 1;
      node.parent.hasError ||= node.hasError;
    }
  }
  return { roots, byId };
}

function reaches(from: SpanNode, target: SpanNode): boolean {
  for (let node: SpanNode | null = from; node !== null; node = node.parent) if (node === target) return true;
  return false;
}

function preorder(roots: readonly SpanNode[], skipChildren?: ReadonlySet<SpanNode>): SpanNode[] {
  const out: SpanNode[] = [];
  const stack = [...roots].reverse();
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    out.push(node);
    if (skipChildren?.has(node)) continue;
    for (let index = node.children.length - 1; index >= 0; index--) {
      const child = node.children[index];
      if (child) stack.push(child);
    }
  }
  return out;
}

// The rows to draw, top to bottom; children of collapsed nodes are left out.
export function visibleRows(tree: SpanTree, collapsed: ReadonlySet<SpanNode>): SpanNode[] {
  return preorder(tree.roots, collapsed);
}

export interface Window {
  first: number;
  last: number; // exclusive
}

export function rowWindow(scrollTop: number, viewportPx: number, rowPx: number, count: number, overscan: number): Window {
  const first = Math.max(0, Math.floor(scrollTop / rowPx) - overscan);
  const last = Math.min(count, Math.ceil((scrollTop + viewportPx) / rowPx) + overscan);
  return { first: Math.min(first, last), last };
}

export interface Bar {
  leftPercent: number;
  widthPercent: number;
}

export function barOf(startNs: number, durationNs: number, traceNs: number): Bar {
  if (traceNs <= 0) return { leftPercent: 0, widthPercent: 100 };
  const clamp = (value: number): number => Math.min(100, Math.max(0, value));
  const leftPercent = clamp((startNs / traceNs) * 100);
  return { leftPercent, widthPercent: Math.min(100 - leftPercent, clamp((durationNs / traceNs) * 100)) };
}

// Round ticks of a ruler, `about` of them: 0, 100 ms, 200 ms...
export function rulerTicks(traceNs: number, about: number): number[] {
  if (traceNs <= 0) return [0];
  const rough = traceNs / Math.max(1, about);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? 10 * power;
  const ticks: number[] = [];
  for (let index = 0; index * step <= traceNs * 1.0000001; index++) ticks.push(index * step);
  return ticks;
}

export interface ServiceShare {
  service: string;
  colour: number; // index into the palette
  spans: number;
  errors: number;
}

// Services by first appearance, which also gives each its colour.
export function servicesOf(spans: readonly Span[]): ServiceShare[] {
  const shares = new Map<string, ServiceShare>();
  for (const span of spans) {
    const name = span.resource.service;
    const share = shares.get(name) ?? { service: name, colour: shares.size, spans: 0, errors: 0 };
    share.spans += 1;
    if (span.statusCode === 'error') share.errors += 1;
    shares.set(name, share);
  }
  return [...shares.values()];
}
