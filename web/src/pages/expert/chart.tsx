import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import UPlot from 'uplot';
import { columns, type Metric, type Report } from '~/expert/quality';
import { figure } from '~/lib/figures';
import { time } from '~/lib/format';
import css from './expert.module.css';

const HEIGHT = 240;
const COLOURS = ['--accent', '--good', '--warn', '--bad', '--ink-soft'] as const;
/** Lines differ by more than colour. */
const DASHES = [[], [8, 4], [2, 3], [12, 3, 2, 3], [4, 2]];
/** Nothing is measured between two minutes. */
const STEPS = [60, 120, 300, 600, 900, 1800, 3600];
const RANGE: Partial<Record<Metric, [number, number]>> = { mos: [1, 4.5] };

/** Minutes of a call as lines, one for each person. The table beside it says the same to who cannot see it. */
export default function Chart({ report, metric, zone }: { report: Report; metric: Metric; zone: string }) {
  const { t } = useTranslation('expert');
  const box = useRef<HTMLDivElement>(null);
  const name = t(`metric.${metric}`);
  useEffect(() => {
    const root = box.current;
    if (!root) return;
    const { at, series } = columns(report, metric);
    let plot: UPlot | undefined;
    const draw = () => {
      plot?.destroy();
      const style = getComputedStyle(document.documentElement);
      const colour = (token: string) => style.getPropertyValue(token).trim();
      const axis = {
        stroke: colour('--ink-soft'),
        grid: { stroke: colour('--line'), width: 1 },
        ticks: { stroke: colour('--line'), width: 1 },
        font: '12px sans-serif',
      };
      const range = RANGE[metric];
      plot = new UPlot(
        {
          width: root.clientWidth,
          height: HEIGHT,
          scales: {
            x: { time: true },
            y: { range: range ?? ((_plot, _low, high) => [0, Math.max(1, (high ?? 1) * 1.1)]) },
          },
          series: [
            {
              label: t('calls.minute'),
              value: (_plot, second) => (second ? time(second * 1000, zone) : '–'),
            },
            ...series.map((one, index) => ({
              label: one.name,
              stroke: colour(COLOURS[index % COLOURS.length] ?? '--accent'),
              dash: DASHES[index % DASHES.length] ?? [],
              width: 2,
              points: { size: 7 },
              value: (_plot: UPlot, value: number | null) => figure(value, 1),
            })),
          ],
          axes: [
            {
              ...axis,
              incrs: STEPS,
              space: 80,
              values: (_plot, seconds) => seconds.map((second) => time(second * 1000, zone)),
            },
            axis,
          ],
          cursor: { drag: { x: false, y: false } },
        },
        [at, ...series.map((one) => one.values)],
        root,
      );
    };
    draw();
    // Its canvas has the colours and the width of the moment in which it was drawn.
    const wide = new ResizeObserver(() => plot?.setSize({ width: root.clientWidth, height: HEIGHT }));
    wide.observe(root);
    const theme = new MutationObserver(draw);
    theme.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      wide.disconnect();
      theme.disconnect();
      plot?.destroy();
    };
  }, [report, metric, zone, t]);
  return <div ref={box} className={css.chart} role="img" aria-label={t('calls.chart', { metric: name })} />;
}
