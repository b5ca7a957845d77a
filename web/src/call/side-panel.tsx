import { useLocalParticipant } from '@livekit/components-react';
import { X } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Chat } from './chat';
import type { useChatLog } from './chat-log';
import type { Panel } from './controls';
import { Files } from './files';
import type { useLobby } from './host';
import css from './panel.module.css';
import { People } from './people';

/** Chat, people and files: beside the pictures, or over them where there is no room beside. */
export function SidePanel({
  panel,
  onPanel,
  onClose,
  log,
  appointmentId,
  host,
  lobby,
}: {
  panel: Panel;
  onPanel: (panel: Panel) => void;
  onClose: () => void;
  log: ReturnType<typeof useChatLog>;
  appointmentId: string | undefined;
  host: boolean;
  lobby: ReturnType<typeof useLobby>;
}) {
  const { t } = useTranslation('call');
  const { localParticipant } = useLocalParticipant();
  const box = useRef<HTMLElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each panel takes the focus when it comes
  useEffect(() => {
    const first =
      box.current?.querySelector<HTMLElement>('textarea') ??
      box.current?.querySelector<HTMLElement>('[aria-selected="true"]');
    first?.focus();
  }, [panel]);
  const shut = useRef(onClose);
  shut.current = onClose;
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      // What lies above goes first.
      if (event.key === 'Escape' && !document.querySelector('dialog[open], [aria-expanded="true"]'))
        shut.current();
    };
    document.addEventListener('keydown', key);
    return () => document.removeEventListener('keydown', key);
  }, []);
  const tabs: Panel[] = appointmentId ? ['chat', 'people', 'files'] : ['chat', 'people'];
  const step = (by: number) => {
    const next = tabs[(tabs.indexOf(panel) + by + tabs.length) % tabs.length];
    if (next) onPanel(next);
  };
  return (
    <section ref={box} className={css.panel} aria-label={t(`bar.${panel}`)}>
      <div className={css.head}>
        <div
          className={css.tabs}
          role="tablist"
          onKeyDown={(event) => {
            if (event.key === 'ArrowRight') step(1);
            if (event.key === 'ArrowLeft') step(-1);
          }}
        >
          {tabs.map((tab) => (
            <button
              key={tab}
              type="button"
              role="tab"
              id={`tab-${tab}`}
              aria-selected={tab === panel}
              aria-controls={tab === panel ? 'call-panel' : undefined}
              tabIndex={tab === panel ? 0 : -1}
              onClick={() => onPanel(tab)}
            >
              {t(`bar.${tab}`)}
            </button>
          ))}
        </div>
        <button type="button" aria-label={t('close')} onClick={onClose}>
          <X size={20} />
        </button>
      </div>
      <div className={css.body} role="tabpanel" id="call-panel" aria-labelledby={`tab-${panel}`}>
        {panel === 'chat' && (
          <Chat log={log} mayWrite={localParticipant.permissions?.canPublishData !== false} />
        )}
        {panel === 'people' && (
          <People host={host} waiting={lobby.waiting} admit={lobby.admit} appointmentId={appointmentId} />
        )}
        {panel === 'files' && appointmentId && (
          <Files appointmentId={appointmentId} ownSeat={localParticipant.identity} host={host} />
        )}
      </div>
    </section>
  );
}
