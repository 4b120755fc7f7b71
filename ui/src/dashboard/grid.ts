// Panels to sections: what lies between two rows is laid out by itself, so that
// closing a row moves nothing else.
import type { VariableValue } from './interpolate';
import type { Panel } from './model';

export interface PlacedPanel {
  key: string;
  panel: Panel;
  column: number; // from 1
  row: number; // from 1
  scoped: ReadonlyMap<string, VariableValue>; // of a repeated panel
}

export interface Section {
  key: string;
  title: string | null; // null: before the first row
  collapsed: boolean;
  panels: PlacedPanel[];
  scoped: ReadonlyMap<string, VariableValue>;
}

export type RepeatValues = (variable: string) => readonly VariableValue[];

const NO_SCOPE: ReadonlyMap<string, VariableValue> = new Map();

export function toSections(panels: readonly Panel[], valuesOf: RepeatValues): Section[] {
  const ordered = [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  const groups: Array<{ row: Panel | null; children: Panel[] }> = [{ row: null, children: [] }];
  for (const panel of ordered) {
    if (panel.type === 'row') groups.push({ row: panel, children: [...panel.panels] });
    else groups[groups.length - 1]?.children.push(panel);
  }
  const sections: Section[] = [];
  groups.forEach(({ row, children }, index) => {
    if (row === null && children.length === 0) return;
    const repeats = row?.repeat ? valuesOf(row.repeat) : [];
    const scopes = repeats.length > 0 && row ? repeats.map((value) => new Map([[row.repeat, value]])) : [NO_SCOPE];
    scopes.forEach((scoped, copy) => {
      sections.push({
        key: `${row?.id ?? 'top'} ${index} ${copy}`,
        title: row ? row.title : null,
        collapsed: row?.collapsed ?? false,
        panels: placePanels(children, valuesOf, scoped),
        scoped,
      });
    });
  });
  return sections;
}

// Repeated panels push what is below them down.
export function placePanels(panels: readonly Panel[], valuesOf: RepeatValues, outer: ReadonlyMap<string, VariableValue>): PlacedPanel[] {
  const ordered = [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  const top = Math.min(...ordered.map((panel) => panel.gridPos.y));
  const placed: PlacedPanel[] = [];
  let pushed = 0;
  ordered.forEach((panel, index) => {
    const { x, y, w, h } = panel.gridPos;
    const key = `${panel.id} ${index}`;
    const row = y - top + pushed + 1;
    const values = panel.repeat ? valuesOf(panel.repeat) : [];
    if (values.length === 0) {
      placed.push({ key, panel, column: x + 1, row, scoped: outer });
      return;
    }
    const perRow = panel.repeatVertical ? 1 : Math.min(values.length, Math.max(1, panel.maxPerRow));
    const width = panel.repeatVertical ? w : Math.floor(24 / perRow);
    values.forEach((value, copy) => {
      const column = panel.repeatVertical ? x : (copy % perRow) * width;
      placed.push({
        key: `${key} ${copy}`,
        panel: { ...panel, gridPos: { x: column, y, w: width, h } },
        column: column + 1,
        row: row + Math.floor(copy / perRow) * h,
        scoped: new Map([...outer, [panel.repeat, value]]),
      });
    });
    pushed += (Math.ceil(values.length / perRow) - 1) * h;
  });
  return placed;
}
