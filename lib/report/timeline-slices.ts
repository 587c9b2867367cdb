import type { TimelineSection } from './document';
import { reducePoints } from './reduce-points';
import type { ReportTable } from './section-table';

const slices = 10;

/** A timeline in few rows, for text: whether the values drifted, and in which part the stragglers are. */
export function timelineSlices({ title, x, y, series }: TimelineSection): ReportTable {
  return {
    title,
    columns: [
      { title: 'series' },
      { ...x, title: `${x.title}, from` },
      { ...x, title: 'to' },
      { title: 'points' },
      { ...y, title: `${y.title}, median` },
      { ...y, title: 'lowest' },
      { ...y, title: 'highest' },
    ],
    rows: series.flatMap(({ name, points }) =>
      reducePoints(points, slices).map(({ x: from, y: middle, span }) => [
        name,
        from,
        span?.toX ?? from,
        span?.count ?? 1,
        middle,
        span?.low ?? middle,
        span?.high ?? middle,
      ]),
    ),
  };
}
