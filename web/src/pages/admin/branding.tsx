import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { tooLight } from '~/admin/colour';
import { brandingQuery } from '~/api/branding';
import { api, ask, type Schemas } from '~/api/client';
import { parse, shades } from '~/lib/brand';
import { useRules } from '~/lib/form';
import { setBrand } from '~/lib/theme';
import { useTitle } from '~/lib/title';
import { Unsaved } from '~/lib/unsaved';
import { Button } from '~/ui/button';
import { Field, TextField } from '~/ui/field';
import { Card, Note, Pair, Row, Soft, Stack } from '~/ui/layout';
import { Loading, ProblemNote, ProblemState } from '~/ui/states';
import { toast } from '~/ui/toast';
import ui from '~/ui/ui.module.css';
import css from './admin.module.css';

type Branding = Schemas['Branding'];

const THEMES = ['light', 'dark'] as const;

/** What the place is called and what it looks like. */
export default function BrandingPage() {
  const { t } = useTranslation('admin');
  const { data, error, isPending, refetch } = useQuery(brandingQuery);
  useTitle(t('sections.branding'));
  return (
    <Stack className={css.page}>
      <div>
        <h1>{t('branding.title')}</h1>
        <Soft>{t('branding.intro')}</Soft>
      </div>
      {isPending && <Loading />}
      {error && <ProblemState error={error} retry={() => void refetch()} />}
      {data && <Editor key={JSON.stringify(data)} stored={data} />}
    </Stack>
  );
}

function Editor({ stored }: { stored: Branding }) {
  const { t } = useTranslation('admin');
  const { t: common } = useTranslation();
  const client = useQueryClient();
  const form = useForm<Branding>({ defaultValues: stored });
  const { errors, isDirty } = form.formState;
  const shown = form.watch();
  // The whole app shows the colour that is being chosen; whoever leaves without saving leaves it as it was.
  useEffect(() => {
    if (parse(shown.primaryColor)) setBrand(shown.primaryColor);
    return () => setBrand(stored.primaryColor);
  }, [shown.primaryColor, stored.primaryColor]);
  const save = useMutation({
    mutationFn: (written: Branding) =>
      ask(
        api.PUT('/api/admin/branding', {
          body: {
            name: written.name.trim(),
            logoText: written.logoText.trim(),
            primaryColor: written.primaryColor,
            accentColor: written.accentColor,
            supportEmail: written.supportEmail.trim(),
          },
        }),
      ),
    onSuccess: (fresh) => {
      client.setQueryData(brandingQuery.queryKey, fresh);
      toast.success(t('branding.saved'));
    },
  });
  const rules = useRules();
  const colour = (name: 'primaryColor' | 'accentColor') => (
    <Field label={t(`branding.${name}`)} hint={t(`branding.${name}Hint`)} error={errors[name]?.message}>
      {(wiring) => (
        <div className={css.swatch}>
          <input
            type="color"
            className={ui.input}
            aria-label={t('branding.pick', { name: t(`branding.${name}`) })}
            value={parse(shown[name]) ? shown[name].toLowerCase() : '#000000'}
            onChange={(event) =>
              form.setValue(name, event.target.value, { shouldDirty: true, shouldValidate: true })
            }
          />
          <input
            className={ui.input}
            {...wiring}
            {...form.register(name, {
              validate: (text) => parse(text) !== undefined || t('branding.noColour'),
            })}
          />
        </div>
      )}
    </Field>
  );
  return (
    <Pair>
      <Unsaved dirty={isDirty} />
      <Card>
        <form
          onSubmit={(event) => void form.handleSubmit((written) => save.mutate(written))(event)}
          noValidate
        >
          <Stack>
            <TextField
              label={t('branding.name')}
              hint={t('branding.nameHint')}
              error={errors.name?.message}
              {...form.register('name', rules.free(80))}
            />
            <TextField
              label={t('branding.logoText')}
              hint={t('branding.logoTextHint')}
              error={errors.logoText?.message}
              {...form.register('logoText', rules.free(24))}
            />
            {colour('primaryColor')}
            {colour('accentColor')}
            <TextField
              label={`${t('branding.supportEmail')} (${common('optional')})`}
              hint={t('branding.supportEmailHint')}
              type="email"
              error={errors.supportEmail?.message}
              {...form.register('supportEmail', rules.freeEmail)}
            />
            {save.error && <ProblemNote error={save.error} />}
            <Row>
              <Button type="submit" busy={save.isPending} disabled={!isDirty}>
                {common('save')}
              </Button>
              {isDirty && (
                <Button look="secondary" onClick={() => form.reset(stored)}>
                  {t('branding.discard')}
                </Button>
              )}
            </Row>
          </Stack>
        </form>
      </Card>
      <Card>
        <h2>{t('branding.preview')}</h2>
        <Stack>
          {THEMES.map((theme) => (
            <Sample key={theme} theme={theme} branding={shown} />
          ))}
          <div role="status">
            {tooLight(shown.primaryColor) && <Note tone="warn">{t('branding.contrast')}</Note>}
          </div>
        </Stack>
      </Card>
    </Pair>
  );
}

/** How a page looks with it in one of the themes. */
function Sample({ theme, branding }: { theme: (typeof THEMES)[number]; branding: Branding }) {
  const { t } = useTranslation('admin');
  const primary = parse(branding.primaryColor);
  const accent = parse(branding.accentColor);
  return (
    <div className={`${css.sample} ${css[theme]}`} style={primary ? shades(primary, theme) : undefined}>
      <header>{branding.logoText || branding.name}</header>
      <p>{t('branding.sampleText', { name: branding.name || branding.logoText })}</p>
      <div>
        <span className={css.press}>{t('branding.sampleButton')}</span>
      </div>
      <p className={css.soft}>{t('branding.sampleSoft')}</p>
      {accent && <div className={css.strip} style={{ background: branding.accentColor }} />}
    </div>
  );
}
