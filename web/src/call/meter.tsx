import { Volume2 } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '~/ui/button';
import css from './prejoin.module.css';
import { listen, playTone } from './sound';

/** How loud the microphone is. It moves without the page being rendered. */
export function Meter({ stream, onHeard }: { stream: MediaStream | undefined; onHeard?: () => void }) {
  const { t } = useTranslation('call');
  const bar = useRef<HTMLDivElement>(null);
  const heard = useRef(onHeard);
  heard.current = onHeard;
  useEffect(() => {
    const element = bar.current;
    if (!stream || !element) return;
    let shown = 0;
    const stop = listen(stream, (level) => {
      // Up at once, down slowly, as the eye likes it.
      shown = Math.max(level, shown * 0.88);
      element.style.setProperty('--level', shown.toFixed(3));
      element.setAttribute('aria-valuenow', String(Math.round(shown * 100)));
      if (level > 0.5) heard.current?.();
    });
    return () => {
      stop();
      element.style.setProperty('--level', '0');
    };
  }, [stream]);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a <meter> cannot move without layout, nor look alike everywhere
    <div
      ref={bar}
      className={css.meter}
      role="meter"
      aria-label={t('pre.level')}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
    >
      <span />
    </div>
  );
}

export function SpeakerTest({ speaker, onPlayed }: { speaker: string; onPlayed?: () => void }) {
  const { t } = useTranslation('call');
  const [playing, setPlaying] = useState(false);
  return (
    <Button
      look="secondary"
      busy={playing}
      onClick={() => {
        setPlaying(true);
        void playTone(speaker)
          .catch(() => {})
          .finally(() => {
            setPlaying(false);
            onPlayed?.();
          });
      }}
    >
      <Volume2 size={20} aria-hidden="true" />
      {playing ? t('pre.playing') : t('pre.playTone')}
    </Button>
  );
}
