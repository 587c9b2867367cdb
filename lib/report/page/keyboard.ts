import { announcement, isPlotPoint, type Plot } from './plot';

interface Place {
  readonly dataset: number;
  readonly index: number;
}

/** Points of one series, in their order. */
type Track = readonly Place[];

const farStep = 10;

/**
 * Lets the arrow keys move through a chart's points: one after the other, and from series to series at the nearest place. What is
 * reached is shown as the mouse would show it, and said.
 */
export class KeyboardCursor {
  #place: Place | null = null;

  constructor(
    private readonly lying: boolean,
    private readonly say: (text: string) => void,
  ) {}

  /** Whether the key was one of its own. */
  press(key: string, plot: Plot): boolean {
    if (key === 'Escape') {
      this.clear(plot);
      return true;
    }
    const next = this.#next(key, tracksOf(plot), plot);
    if (next === null) return false;
    this.#place = next;
    show(plot, next);
    const point = plot.data.datasets[next.dataset]?.data[next.index];
    if (point !== undefined) this.say(announcement(point));
    return true;
  }

  clear(plot: Plot | null): void {
    this.#place = null;
    if (plot !== null) show(plot, null);
    this.say('');
  }

  #next(key: string, tracks: readonly Track[], plot: Plot): Place | null {
    const [along, across] = this.#meaningOf(key);
    if (along === 0 && across === 0) return null;
    const at = this.#place;
    const row = tracks.findIndex((track) => at !== null && track[0]?.dataset === at.dataset);
    const track = tracks[Math.max(0, row)];
    if (track === undefined) return null;
    const place = track.findIndex(({ index }) => index === at?.index);
    // The first key reaches the first point, or with End the last one.
    if (row === -1 || place === -1) return (along === Infinity ? track.at(-1) : track[0]) ?? null;
    if (across !== 0) {
      const other = tracks[(row + across + tracks.length) % tracks.length] ?? track;
      return nearest(other, track[place] ?? null, plot);
    }
    return track[Math.min(track.length - 1, Math.max(0, place + along))] ?? null;
  }

  #meaningOf(key: string): readonly [along: number, across: number] {
    switch (key) {
      case 'ArrowRight':
        return [1, 0];
      case 'ArrowLeft':
        return [-1, 0];
      case 'ArrowDown':
        return this.lying ? [1, 0] : [0, 1];
      case 'ArrowUp':
        return this.lying ? [-1, 0] : [0, -1];
      case 'PageDown':
        return [farStep, 0];
      case 'PageUp':
        return [-farStep, 0];
      case 'Home':
        return [-Infinity, 0];
      case 'End':
        return [Infinity, 0];
      default:
        return [0, 0];
    }
  }
}

function tracksOf(plot: Plot): readonly Track[] {
  return plot.data.datasets
    .map(({ data }, dataset) =>
      data.flatMap(({ text }, index) => (text === undefined ? [] : [{ dataset, index }])),
    )
    .filter((track) => track.length > 0);
}

function nearest(track: Track, from: Place | null, plot: Plot): Place | null {
  const xOf = ({ dataset, index }: Place): number => {
    const raw: unknown = plot.data.datasets[dataset]?.data[index];
    return isPlotPoint(raw) ? raw.x : NaN;
  };
  const x = from === null ? NaN : xOf(from);
  let best = track[0] ?? null;
  for (const place of track) {
    if (best === null || Math.abs(xOf(place) - x) < Math.abs(xOf(best) - x)) best = place;
  }
  return best;
}

function show(plot: Plot, place: Place | null): void {
  const active = place === null ? [] : [{ datasetIndex: place.dataset, index: place.index }];
  const element = place === null ? null : plot.getDatasetMeta(place.dataset).data[place.index];
  const { x, y } = element ?? { x: 0, y: 0 };
  plot.setActiveElements(active);
  plot.tooltip?.setActiveElements(active, { x, y });
  plot.draw();
}
