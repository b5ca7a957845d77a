import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Copy } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '~/api/client';
import { copyText } from '~/lib/copy';
import { Button, ButtonAnchor } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { TextField } from '~/ui/field';
import { Note, Row, Soft } from '~/ui/layout';
import { toast } from '~/ui/toast';
import { type Me, meQuery } from './me';
import css from './settings.module.css';

/** The address that calendars subscribe to. It is told once, when it is made. */
export function Feed({ me }: { me: Me }) {
  const { t } = useTranslation(['account', 'common']);
  const client = useQueryClient();
  const refresh = () => void client.invalidateQueries({ queryKey: meQuery.queryKey });
  const [asked, setAsked] = useState(false);
  const make = useMutation({
    mutationFn: () => ask(api.POST('/api/me/feed')),
    onSuccess: refresh,
    onError: toast.problem,
  });
  const drop = useMutation({
    mutationFn: () => ask(api.DELETE('/api/me/feed')),
    onSuccess: () => {
      make.reset();
      refresh();
      toast.success(t('feedGone'));
    },
    onError: toast.problem,
    onSettled: () => setAsked(false),
  });
  const url = make.data?.url;
  const copy = async () => {
    if (url && (await copyText(url))) toast.success(t('common:copied'));
  };
  return (
    <div className={css.form}>
      <Soft>{t('feedLead')}</Soft>
      {url && (
        <Note tone="accent" alert>
          <div className={css.form}>
            <strong>{t('feedOnce')}</strong>
            <div className={css.inline}>
              <TextField
                label={t('feedUrl')}
                value={url}
                readOnly
                onFocus={(event) => event.target.select()}
              />
              <Button onClick={() => void copy()}>
                <Copy size={18} aria-hidden="true" />
                {t('common:copy')}
              </Button>
              <ButtonAnchor look="secondary" href={url.replace(/^https?:/, 'webcal:')}>
                {t('feedSubscribe')}
              </ButtonAnchor>
            </div>
          </div>
        </Note>
      )}
      {!url && me.profile.hasFeed && <p>{t('feedThere')}</p>}
      <Row>
        {!url && (
          <Button look="secondary" busy={make.isPending} onClick={() => make.mutate()}>
            {t(me.profile.hasFeed ? 'feedAnew' : 'feedMake')}
          </Button>
        )}
        {(me.profile.hasFeed || url) && (
          <Button look="quiet" onClick={() => setAsked(true)}>
            {t('feedDrop')}
          </Button>
        )}
      </Row>
      <Dialog
        open={asked}
        onClose={() => setAsked(false)}
        title={t('feedDropTitle')}
        actions={
          <>
            <Button look="secondary" onClick={() => setAsked(false)}>
              {t('common:cancel')}
            </Button>
            <Button look="danger" busy={drop.isPending} onClick={() => drop.mutate()}>
              {t('feedDrop')}
            </Button>
          </>
        }
      >
        <p>{t('feedDropText')}</p>
      </Dialog>
    </div>
  );
}
