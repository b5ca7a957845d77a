import type { Schemas } from '~/api/client';

type Service = Schemas['Service'];
type Draft = Schemas['ServiceDraft'];

/** A service as the form has it: numbers as they are written, nothing where the server's settings hold. */
export interface ServiceForm {
  title: string;
  description: string;
  durationMin: string;
  stepMin: string;
  capacity: string;
  approval: 'manual' | 'auto';
  reapprove: boolean;
  bufferBeforeMin: string;
  bufferAfterMin: string;
  minNoticeMin: string;
  horizonDays: string;
  cancelNoticeMin: string;
  rescheduleNoticeMin: string;
  lobby: 'on' | 'until_start' | 'off';
  openBeforeMin: string;
  closeAfterMin: string;
  closeAnchor: '' | 'end' | 'start';
  keepChat: boolean;
}

export type NumberField =
  | 'durationMin'
  | 'stepMin'
  | 'capacity'
  | 'bufferBeforeMin'
  | 'bufferAfterMin'
  | 'minNoticeMin'
  | 'horizonDays'
  | 'cancelNoticeMin'
  | 'rescheduleNoticeMin'
  | 'openBeforeMin'
  | 'closeAfterMin';

/** The server's bounds; what is optional may be left out. */
export const BOUNDS: Record<NumberField, { min: number; max: number; optional?: boolean }> = {
  durationMin: { min: 5, max: 720 },
  stepMin: { min: 5, max: 720, optional: true },
  capacity: { min: 1, max: 100 },
  bufferBeforeMin: { min: 0, max: 240 },
  bufferAfterMin: { min: 0, max: 240 },
  minNoticeMin: { min: 0, max: 527_040 },
  horizonDays: { min: 1, max: 730 },
  cancelNoticeMin: { min: 0, max: 527_040 },
  rescheduleNoticeMin: { min: 0, max: 527_040 },
  openBeforeMin: { min: 0, max: 1440, optional: true },
  closeAfterMin: { min: 0, max: 1440, optional: true },
};

export const NEW_SERVICE: ServiceForm = {
  title: '',
  description: '',
  durationMin: '30',
  stepMin: '',
  capacity: '1',
  approval: 'manual',
  reapprove: true,
  bufferBeforeMin: '0',
  bufferAfterMin: '0',
  minNoticeMin: '120',
  horizonDays: '60',
  cancelNoticeMin: '1440',
  rescheduleNoticeMin: '1440',
  lobby: 'on',
  openBeforeMin: '',
  closeAfterMin: '',
  closeAnchor: '',
  keepChat: true,
};

const text = (value: number | null | undefined) => (value == null ? '' : String(value));

export function formOf(service: Service): ServiceForm {
  return {
    title: service.title,
    description: service.description,
    durationMin: text(service.durationMin),
    stepMin: text(service.stepMin),
    capacity: text(service.capacity),
    approval: service.approval,
    reapprove: service.reapprove,
    bufferBeforeMin: text(service.bufferBeforeMin),
    bufferAfterMin: text(service.bufferAfterMin),
    minNoticeMin: text(service.minNoticeMin),
    horizonDays: text(service.horizonDays),
    cancelNoticeMin: text(service.cancelNoticeMin),
    rescheduleNoticeMin: text(service.rescheduleNoticeMin),
    lobby: service.lobby,
    openBeforeMin: text(service.openBeforeMin),
    closeAfterMin: text(service.closeAfterMin),
    closeAnchor: service.closeAnchor ?? '',
    keepChat: service.keepChat,
  };
}

/** What is wrong with a number as it is written. */
export function wrongNumber(field: NumberField, written: string): 'required' | 'whole' | 'range' | undefined {
  const bounds = BOUNDS[field];
  const trimmed = written.trim();
  if (!trimmed) return bounds.optional ? undefined : 'required';
  if (!/^\d{1,9}$/.test(trimmed)) return 'whole';
  const value = Number(trimmed);
  return value < bounds.min || value > bounds.max ? 'range' : undefined;
}

const number = (written: string) => Number(written.trim());
const optional = (written: string) => (written.trim() ? Number(written.trim()) : null);

export function serviceOf(form: ServiceForm): Draft {
  return {
    title: form.title.trim(),
    description: form.description.trim(),
    durationMin: number(form.durationMin),
    stepMin: optional(form.stepMin),
    capacity: number(form.capacity),
    approval: form.approval,
    reapprove: form.reapprove,
    bufferBeforeMin: number(form.bufferBeforeMin),
    bufferAfterMin: number(form.bufferAfterMin),
    minNoticeMin: number(form.minNoticeMin),
    horizonDays: number(form.horizonDays),
    cancelNoticeMin: number(form.cancelNoticeMin),
    rescheduleNoticeMin: number(form.rescheduleNoticeMin),
    lobby: form.lobby,
    openBeforeMin: optional(form.openBeforeMin),
    closeAfterMin: optional(form.closeAfterMin),
    closeAnchor: form.closeAnchor || null,
    keepChat: form.keepChat,
  };
}
