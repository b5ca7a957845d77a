/** Filters of the audit log as they are written. */
export interface AuditFilter {
  actor: string;
  action: string;
  subject: string;
  from: string;
  to: string;
}

export const NO_FILTER: AuditFilter = { actor: '', action: '', subject: '', from: '', to: '' };

const DATE = /^\d{4}-\d\d-\d\d$/;
const DAY = 86_400_000;

/** What is asked of the server; dates are whole days of this machine's zone. */
export function auditQuery(filter: AuditFilter): Record<string, string> {
  const query: Record<string, string> = {};
  for (const name of ['actor', 'action', 'subject'] as const) {
    const text = filter[name].trim();
    if (text) query[name] = text;
  }
  if (DATE.test(filter.from)) query.from = midnight(filter.from).toISOString();
  // Up to the end of that day: a day of 23 or 25 hours included.
  if (DATE.test(filter.to)) {
    const after = new Date(midnight(filter.to).getTime() + 1.5 * DAY);
    query.to = new Date(after.getFullYear(), after.getMonth(), after.getDate()).toISOString();
  }
  return query;
}

function midnight(date: string): Date {
  const [year = 1970, month = 1, day = 1] = date.split('-').map(Number);
  return new Date(year, month - 1, day);
}

/** "user" and its id of "user:01a1…"; ids are long, their first part is shown. */
export function parted(who: string): { kind: string; id: string | undefined } {
  const [kind = who, id] = who.split(':', 2);
  return { kind, id };
}

/** Where in the app a subject is, if anywhere. */
export function placeOf(who: string): string | undefined {
  const { kind, id } = parted(who);
  if (!id) return undefined;
  if (kind === 'user') return `/admin/people/${id}`;
  if (kind === 'appointment') return `/appointments/${id}`;
  if (kind === 'webhook') return `/admin/deliveries/${id}`;
  return undefined;
}
