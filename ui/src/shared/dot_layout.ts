// Dots that would lie on top of each other: one of them stays, and each gets
// as much room for a finger or pointer as its neighbours leave.

export interface DotSpot {
  left: number; // px
  top: number;
  value: number;
}

export interface RoomyDot<T> {
  spot: T;
  hitPx: number; // width and height of the area that takes the pointer
}

const COVERED_PX = 9; // nearer than this, one dot hides the other
const HIT_PX_MAX = 22;
const HIT_PX_MIN = 8;

// Takes dots by ascending `left`; of covered ones the larger value stays.
export function spreadDots<T extends DotSpot>(spots: readonly T[]): Array<RoomyDot<T>> {
  const kept: T[] = [];
  for (const spot of spots) {
    let covered = -1;
    for (let index = kept.length - 1; index >= 0; index--) {
      const other = kept[index];
      if (!other || spot.left - other.left >= COVERED_PX) break;
      if (distance(spot, other) < COVERED_PX) covered = index;
    }
    if (covered < 0) kept.push(spot);
    else if (spot.value > (kept[covered]?.value ?? Infinity)) {
      kept.splice(covered, 1);
      kept.push(spot);
    }
  }
  return kept.map((spot, index) => {
    let nearest = HIT_PX_MAX;
    for (const step of [-1, 1]) {
      for (let at = index + step; at >= 0 && at < kept.length; at += step) {
        const other = kept[at];
        if (!other || Math.abs(other.left - spot.left) >= HIT_PX_MAX) break;
        nearest = Math.min(nearest, distance(spot, other));
      }
    }
    return { spot, hitPx: Math.max(HIT_PX_MIN, nearest) };
  });
}

// Hit areas are squares, so the larger of both distances keeps them apart.
function distance(a: DotSpot, b: DotSpot): number {
  return Math.max(Math.abs(a.left - b.left), Math.abs(a.top - b.top));
}
