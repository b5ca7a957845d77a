import { CircleCheck, CircleX, Download, Mic, TriangleAlert, Volume2, Wifi } from 'lucide-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask, Problem } from '~/api/client';
import { useSession } from '~/api/session';
import { DeviceSelects } from '~/call/device-selects';
import { useCapture, useChoices, useDevices } from '~/call/devices';
import { Meter, SpeakerTest } from '~/call/meter';
import { DeviceTrouble, Preview } from '~/call/prejoin';
import { type Outcome, outcome, type Round, run } from '~/call/trial';
import css from '~/call/trial.module.css';
import { bitrate, milliseconds, percent } from '~/lib/figures';
import { clock } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { useServerNow } from '~/live/clock';
import { Button, ButtonLink } from '~/ui/button';
import { Badge, Card, Note, Row, Soft, Stack, Table } from '~/ui/layout';
import { ProblemNote } from '~/ui/states';

/** Whether everything that a call needs works here: camera, microphone, speaker, and the way to the server and back. */
export default function TestCall() {
  const { t } = useTranslation('call');
  useTitle(t('trial.title'));
  const { user, guest } = useSession();
  const choices = useChoices();
  const both = choices.audio && choices.video;
  const camera = useCapture('video', choices.video, choices.videoinput, both);
  const microphone = useCapture('audio', choices.audio, choices.audioinput, both);
  const devices = useDevices(camera.stream ?? microphone.stream);
  const [heard, setHeard] = useState(false);
  const [played, setPlayed] = useState<'played' | 'yes' | 'no'>();
  const trouble = camera.trouble ?? microphone.trouble;
  return (
    <Stack className={css.page}>
      <div>
        <h1>{t('trial.title')}</h1>
        <Soft>{t('trial.words')}</Soft>
      </div>
      <div className={css.columns}>
        <Card>
          <h2>{t('trial.cameraAndMic')}</h2>
          <Stack>
            <Preview camera={camera} name={user?.name ?? guest?.name ?? t('chat.you')} />
            <div className={css.level}>
              <Mic size={18} aria-hidden="true" />
              <Meter stream={microphone.stream} onHeard={() => setHeard(true)} />
              <Mark good={heard} words={heard ? t('trial.heard') : t('trial.speak')} />
            </div>
            {trouble && (
              <DeviceTrouble
                trouble={trouble}
                which={
                  camera.trouble && microphone.trouble ? 'both' : camera.trouble ? 'camera' : 'microphone'
                }
                retry={() => {
                  camera.retry();
                  microphone.retry();
                }}
              />
            )}
            <DeviceSelects devices={devices} kinds={['videoinput', 'audioinput']} />
          </Stack>
        </Card>
        <Stack>
          <Card>
            <h2>{t('trial.sound')}</h2>
            <Stack>
              <DeviceSelects devices={devices} kinds={['audiooutput']} />
              <Row>
                <SpeakerTest
                  speaker={choices.audiooutput}
                  onPlayed={() => setPlayed((said) => said ?? 'played')}
                />
                {played === 'played' && (
                  <>
                    <span>{t('trial.didYouHear')}</span>
                    <Button size="small" look="secondary" onClick={() => setPlayed('yes')}>
                      {t('yes', { ns: 'common' })}
                    </Button>
                    <Button size="small" look="secondary" onClick={() => setPlayed('no')}>
                      {t('no', { ns: 'common' })}
                    </Button>
                  </>
                )}
                {played === 'yes' && <Mark good words={t('trial.soundWorks')} />}
              </Row>
              {played === 'no' && <Note tone="warn">{t('trial.noSound')}</Note>}
            </Stack>
          </Card>
          <LineTest
            tracks={() => [
              ...(camera.stream?.getVideoTracks() ?? []),
              ...(microphone.stream?.getAudioTracks() ?? []),
            ]}
            about={{
              camera: camera.trouble ?? (camera.stream ? 'works' : 'off'),
              microphone: microphone.trouble ?? (heard ? 'heard' : microphone.stream ? 'silent' : 'off'),
              speaker: played ?? 'untried',
            }}
            signedIn={Boolean(user ?? guest)}
          />
        </Stack>
      </div>
    </Stack>
  );
}

function Mark({ good, words }: { good: boolean; words: string }) {
  return (
    <span className={css.mark} data-good={good} role="status">
      {good ? <CircleCheck size={18} aria-hidden="true" /> : <Volume2 size={18} aria-hidden="true" />}
      {words}
    </span>
  );
}

type Running = { over: Round['over']; share: number };

function LineTest({
  tracks,
  about,
  signedIn,
}: {
  tracks: () => MediaStreamTrack[];
  about: Record<string, string>;
  signedIn: boolean;
}) {
  const { t } = useTranslation('call');
  const [running, setRunning] = useState<Running>();
  const [rounds, setRounds] = useState<readonly Round[]>([]);
  const [closesAt, setClosesAt] = useState<string>();
  const [refused, setRefused] = useState<unknown>();
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  const start = async () => {
    abort.current?.abort();
    const controller = new AbortController();
    abort.current = controller;
    setRounds([]);
    setRefused(undefined);
    setRunning({ over: 'udp', share: 0 });
    const [sent, stop] = withPicture(tracks());
    try {
      const call = await ask(api.POST('/api/test-call'));
      setClosesAt(call.closesAt);
      for (const over of ['udp', 'tcp'] as const) {
        setRunning({ over, share: 0 });
        const round = await run(call, over, sent, (share) => setRunning({ over, share }), controller.signal);
        setRounds((done) => [...done, round]);
      }
    } catch (error) {
      if (!controller.signal.aborted) setRefused(error);
    } finally {
      stop();
      setRunning(undefined);
    }
  };
  const done = rounds.length === 2 && !running;
  return (
    <Card>
      <h2>{t('trial.line')}</h2>
      <Stack>
        <Soft>{t('trial.lineWords')}</Soft>
        {signedIn ? (
          <Row>
            <Button busy={running !== undefined} onClick={() => void start()}>
              <Wifi size={20} aria-hidden="true" />
              {done ? t('trial.again') : t('trial.start')}
            </Button>
            {running && (
              <Button
                look="secondary"
                onClick={() => {
                  abort.current?.abort();
                }}
              >
                {t('files.stop')}
              </Button>
            )}
            {running && closesAt && <Cap closesAt={closesAt} />}
          </Row>
        ) : (
          <Note tone="accent">
            <p>{t('trial.signIn')}</p>
            <ButtonLink href="/sign-in?next=%2Ftest-call" look="secondary">
              {t('signIn', { ns: 'common' })}
            </ButtonLink>
          </Note>
        )}
        {running && (
          <label className={css.progress}>
            <span>{t('trial.running', { way: running.over.toUpperCase() })}</span>
            <progress max={1} value={running.share} />
          </label>
        )}
        {refused !== undefined && <ProblemNote error={Problem.of(refused)} />}
        {done && <Verdict result={outcome(rounds)} />}
        {rounds.length > 0 && <Results rounds={rounds} />}
        {done && (
          <Row>
            <Button look="secondary" onClick={() => save({ ...about, rounds, outcome: outcome(rounds) })}>
              <Download size={20} aria-hidden="true" />
              {t('trial.download')}
            </Button>
          </Row>
        )}
      </Stack>
    </Card>
  );
}

/** The room of a test closes by itself. */
function Cap({ closesAt }: { closesAt: string }) {
  const { t } = useTranslation('call');
  const now = useServerNow();
  return <Badge>{t('trial.cap', { time: clock(Date.parse(closesAt) - now) })}</Badge>;
}

const TONES: Record<Outcome, 'good' | 'warn' | 'bad'> = {
  good: 'good',
  weak: 'warn',
  tcp_only: 'warn',
  nothing: 'bad',
};
const ICONS: Record<'good' | 'warn' | 'bad', ReactNode> = {
  good: <CircleCheck size={22} aria-hidden="true" />,
  warn: <TriangleAlert size={22} aria-hidden="true" />,
  bad: <CircleX size={22} aria-hidden="true" />,
};

function Verdict({ result }: { result: Outcome }) {
  const { t } = useTranslation('call');
  const tone = TONES[result];
  return (
    <Note tone={tone} alert>
      <div className={css.verdict} data-outcome={result}>
        {ICONS[tone]}
        <div>
          <strong>{t(`trial.outcome.${result}.title`)}</strong>
          <p>{t(`trial.outcome.${result}.words`)}</p>
        </div>
      </div>
    </Note>
  );
}

function Results({ rounds }: { rounds: readonly Round[] }) {
  const { t } = useTranslation('call');
  const rows: [string, (round: Round) => string][] = [
    [t('trial.connected'), (it) => (it.connected ? milliseconds(it.connectMs) : t('trial.notConnected'))],
    [t('trial.loop'), (it) => milliseconds(it.loopMs)],
    [t('quality.rtt'), (it) => milliseconds(it.rttMs)],
    [t('quality.lossUp'), (it) => percent(it.lossUp)],
    [t('quality.lossDown'), (it) => percent(it.lossDown)],
    [t('quality.jitter'), (it) => milliseconds(it.jitterMs)],
    [t('quality.up'), (it) => bitrate(it.up)],
    [t('quality.down'), (it) => bitrate(it.down)],
    [t('trial.used'), (it) => it.protocol?.toUpperCase() ?? '–'],
  ];
  return (
    <Table
      label={t('trial.results')}
      head={
        <>
          <td />
          {rounds.map(({ over }) => (
            <th key={over} scope="col">
              {over.toUpperCase()}
            </th>
          ))}
        </>
      }
    >
      {rows.map(([name, value]) => (
        <tr key={name}>
          <th scope="row" className={css.what}>
            {name}
          </th>
          {rounds.map((round) => (
            <td key={round.over} className={css.value}>
              {value(round)}
            </td>
          ))}
        </tr>
      ))}
    </Table>
  );
}

/** Where there is no camera, a drawn picture is sent in its place: the line is tested all the same. */
function withPicture(tracks: MediaStreamTrack[]): [MediaStreamTrack[], () => void] {
  if (tracks.some(({ kind }) => kind === 'video')) return [tracks, () => {}];
  const canvas = document.createElement('canvas');
  canvas.width = 640;
  canvas.height = 360;
  const picture = canvas.getContext('2d', { alpha: false });
  let turn = 0;
  const timer = setInterval(() => {
    if (!picture) return;
    turn += 1;
    for (let x = 0; x < 32; x += 1) {
      for (let y = 0; y < 18; y += 1) {
        picture.fillStyle = `hsl(${(x * 37 + y * 71 + turn * 11) % 360} 60% ${30 + Math.random() * 40}%)`;
        picture.fillRect(x * 20, y * 20, 20, 20);
      }
    }
  }, 50);
  const drawn = canvas.captureStream(20).getVideoTracks();
  return [
    [...tracks, ...drawn],
    () => {
      clearInterval(timer);
      for (const track of drawn) track.stop();
    },
  ];
}

function save(report: object): void {
  const made = { madeAt: new Date().toISOString(), browser: navigator.userAgent, ...report };
  const url = URL.createObjectURL(new Blob([JSON.stringify(made, null, 2)], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = 'test-call.json';
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
