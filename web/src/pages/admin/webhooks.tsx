import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Webhook as Icon, KeyRound, Pencil, Plus, Power, Send, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { webhooksQuery } from '~/admin/queries';
import { api, ask, type Schemas } from '~/api/client';
import { useTitle } from '~/lib/title';
import { Button, ButtonLink } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { Badge, Card, Note, Row, Soft, Stack } from '~/ui/layout';
import { Loading, ProblemNote, ProblemState, State } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './admin.module.css';
import { WebhookDialog } from './webhook-dialog';

export type Webhook = Schemas['Webhook'];

/** Who is told of events, and of which. */
export default function Webhooks() {
  const { t } = useTranslation('admin');
  const { data, error, isPending, refetch } = useQuery(webhooksQuery);
  const [editing, edit] = useState<Webhook | 'new'>();
  const [secret, tell] = useState<string>();
  useTitle(t('sections.webhooks'));
  return (
    <Stack className={css.page}>
      <Row spread>
        <div>
          <h1>{t('webhooks.title')}</h1>
          <Soft>{t('webhooks.intro')}</Soft>
        </div>
        <Button onClick={() => edit('new')}>
          <Plus size={18} aria-hidden="true" />
          {t('webhooks.new')}
        </Button>
      </Row>
      {isPending && <Loading />}
      {error && <ProblemState error={error} retry={() => void refetch()} />}
      {data?.length === 0 && (
        <State icon={<Icon size={40} />} title={t('webhooks.empty')}>
          <p>{t('webhooks.emptyText')}</p>
        </State>
      )}
      {data?.map((webhook) => (
        <One key={webhook.id} webhook={webhook} onEdit={() => edit(webhook)} onSecret={tell} />
      ))}
      {editing && (
        <WebhookDialog
          webhook={editing === 'new' ? undefined : editing}
          onClose={() => edit(undefined)}
          onSecret={tell}
        />
      )}
      <SecretDialog secret={secret} onClose={() => tell(undefined)} />
    </Stack>
  );
}

function One({
  webhook,
  onEdit,
  onSecret,
}: {
  webhook: Webhook;
  onEdit: () => void;
  onSecret: (secret: string) => void;
}) {
  const { t } = useTranslation('admin');
  const { t: common } = useTranslation();
  const client = useQueryClient();
  const [asking, setAsking] = useState<'delete' | 'secret'>();
  const { queryKey } = webhooksQuery;
  const path = { params: { path: { webhook_id: webhook.id } } };
  const settled = () => client.invalidateQueries({ queryKey });
  const turn = useMutation({
    mutationFn: (active: boolean) =>
      ask(api.PATCH('/api/admin/webhooks/{webhook_id}', { ...path, body: { active } })),
    onMutate: async (active) => {
      await client.cancelQueries({ queryKey });
      const before = client.getQueryData(queryKey);
      client.setQueryData(queryKey, (list) =>
        list?.map((one) => (one.id === webhook.id ? { ...one, active } : one)),
      );
      return { before };
    },
    onError: (problem, _active, context) => {
      client.setQueryData(queryKey, context?.before);
      toast.problem(problem);
    },
    onSettled: settled,
  });
  const test = useMutation({
    mutationFn: () => ask(api.POST('/api/admin/webhooks/{webhook_id}/test', path)),
    onSuccess: () => toast.success(t('webhooks.tested')),
    onError: toast.problem,
    onSettled: () => client.invalidateQueries({ queryKey: ['deliveries'] }),
  });
  const remove = useMutation({
    mutationFn: () => ask(api.DELETE('/api/admin/webhooks/{webhook_id}', path)),
    onSuccess: () => toast.success(t('webhooks.deleted')),
    onSettled: settled,
  });
  const renew = useMutation({
    mutationFn: () => ask(api.POST('/api/admin/webhooks/{webhook_id}/secret', path)),
    onSuccess: ({ secret }) => {
      setAsking(undefined);
      onSecret(secret);
    },
  });
  const asked = asking === 'delete' ? remove : renew;
  return (
    <Card aria-label={webhook.url}>
      <Stack className={css.tight}>
        <Row>
          <p className={css.mono}>{webhook.url}</p>
          <Badge tone={webhook.active ? 'good' : 'neutral'}>
            {t(webhook.active ? 'webhooks.active' : 'webhooks.paused')}
          </Badge>
        </Row>
        <Soft small>{webhook.events.join(', ')}</Soft>
        <Row>
          <Button look="secondary" size="small" onClick={onEdit}>
            <Pencil size={16} aria-hidden="true" />
            {common('edit')}
          </Button>
          <Button look="secondary" size="small" busy={test.isPending} onClick={() => test.mutate()}>
            <Send size={16} aria-hidden="true" />
            {t('webhooks.test')}
          </Button>
          <Button look="quiet" size="small" onClick={() => turn.mutate(!webhook.active)}>
            <Power size={16} aria-hidden="true" />
            {t(webhook.active ? 'webhooks.pause' : 'webhooks.resume')}
          </Button>
          <Button look="quiet" size="small" onClick={() => setAsking('secret')}>
            <KeyRound size={16} aria-hidden="true" />
            {t('webhooks.newSecret')}
          </Button>
          <Button look="quiet" size="small" onClick={() => setAsking('delete')}>
            <Trash2 size={16} aria-hidden="true" />
            {common('delete')}
          </Button>
          <ButtonLink href={`/admin/deliveries/${webhook.id}`} look="quiet" size="small">
            {t('sections.deliveries')}
          </ButtonLink>
        </Row>
      </Stack>
      <Dialog
        open={asking !== undefined}
        onClose={() => setAsking(undefined)}
        title={t(asking === 'delete' ? 'webhooks.deleteTitle' : 'webhooks.secretTitle')}
        actions={
          <>
            <Button look="secondary" onClick={() => setAsking(undefined)}>
              {common('cancel')}
            </Button>
            <Button look="danger" busy={asked.isPending} onClick={() => asked.mutate()}>
              {asking === 'delete' ? common('delete') : t('webhooks.newSecret')}
            </Button>
          </>
        }
      >
        <Stack>
          <p className={css.mono}>{webhook.url}</p>
          <p>{t(asking === 'delete' ? 'webhooks.deleteText' : 'webhooks.secretText')}</p>
          {asked.error && <ProblemNote error={asked.error} />}
        </Stack>
      </Dialog>
    </Card>
  );
}

function SecretDialog({ secret, onClose }: { secret: string | undefined; onClose: () => void }) {
  const { t } = useTranslation('admin');
  const { t: common } = useTranslation();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(secret ?? '');
      toast.success(common('copied'));
    } catch {
      toast.info(t('webhooks.copyByHand'));
    }
  };
  return (
    <Dialog
      open={secret !== undefined}
      onClose={onClose}
      title={t('webhooks.secret')}
      actions={
        <>
          <Button look="secondary" onClick={() => void copy()}>
            {common('copy')}
          </Button>
          <Button onClick={onClose}>{t('webhooks.secretKept')}</Button>
        </>
      }
    >
      <Stack>
        <Note tone="warn">{t('webhooks.secretOnce')}</Note>
        <p className={css.mono} data-secret="">
          {secret}
        </p>
        <Soft small>
          {t('webhooks.secretUse')} <Link href="/admin/deliveries">{t('sections.deliveries')}</Link>
        </Soft>
      </Stack>
    </Dialog>
  );
}
