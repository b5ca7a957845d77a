import type { OfferedSlot } from './queries';

/** More than these are thinned out until somebody asks for all of them. */
const MANY = 24;

/** Slots by the day that a clock in their zone shows. */
export function byDay(slots: readonly OfferedSlot[]): Map<string, OfferedSlot[]> {
  const days = new Map<string, OfferedSlot[]>();
  for (const slot of slots) {
    const day = days.get(slot.local.date);
    if (day) day.push(slot);
    else days.set(slot.local.date, [slot]);
  }
  return days;
}

/** Where services can start every few minutes, a day has a hundred times: those at the full and half hour come first. */
export function fewer(slots: readonly OfferedSlot[], chosen?: string): readonly OfferedSlot[] {
  if (slots.length <= MANY) return slots;
  const some = slots.filter(
    (slot, index) => index === 0 || /:(00|30)$/.test(slot.local.time) || slot.startsAt === chosen,
  );
  return some.length > 3 ? some : slots;
}

export type PartOfDay = 'morning' | 'afternoon' | 'evening';

/** Slots of one day under the parts of the day that they are in. */
export function byPart(slots: readonly OfferedSlot[]): [PartOfDay, OfferedSlot[]][] {
  const part = ({ local }: OfferedSlot): PartOfDay =>
    local.time < '12:00' ? 'morning' : local.time < '17:00' ? 'afternoon' : 'evening';
  const parts: [PartOfDay, OfferedSlot[]][] = [
    ['morning', []],
    ['afternoon', []],
    ['evening', []],
  ];
  for (const slot of slots) parts.find(([name]) => name === part(slot))?.[1].push(slot);
  return parts.filter(([, found]) => found.length > 0);
}
