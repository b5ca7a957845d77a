import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ExternalLink } from 'lucide-react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { api, Problem, type Schemas } from '~/api/client';
import { askTagged, type Tagged } from '~/api/etag';
import { useSession } from '~/api/session';
import { isTag, listOf, slugOf } from '~/expert/profile';
import { language } from '~/i18n';
import { useRules } from '~/lib/form';
import { useTitle } from '~/lib/title';
import { Unsaved } from '~/lib/unsaved';
import { Button, ButtonLink } from '~/ui/button';
import { Checkbox, TextArea, TextField } from '~/ui/field';
import { Avatar, Badge, Card, Pair, Row, Soft, Stack } from '~/ui/layout';
import { Loading, ProblemNote, ProblemState } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './expert.module.css';
import { Ratings } from './ratings';

type Profile = Schemas['ProfileDraft'];

interface Form {
  slug: string;
  headline: string;
  bio: string;
  specialities: string;
  languages: string;
  published: boolean;
}

const MOST = 20;
const KEY = ['profile', 'own'] as const;

/** What the public reads of the expert, with how it looks; and what customers said. */
export default function ProfilePage() {
  const { t } = useTranslation('expert');
  const { user } = useSession();
  useTitle(t('sections.profile'));
  const { data, error, isPending, refetch } = useQuery({
    queryKey: KEY,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async (): Promise<Tagged<Profile | undefined>> => {
      try {
        return await askTagged(api.GET('/api/me/expert-profile'));
      } catch (problem) {
        // Nothing has been written yet.
        if (problem instanceof Problem && problem.code === 'not_found')
          return { value: undefined, etag: '*' };
        throw problem;
      }
    },
  });
  return (
    <Stack className={css.page}>
      <div>
        <h1>{t('profile.title')}</h1>
        <Soft>{t('profile.intro')}</Soft>
      </div>
      {isPending && <Loading />}
      {error && <ProblemState error={error} retry={() => void refetch()} />}
      {data && user && <Editor key={data.etag} stored={data} name={user.name} />}
      <Ratings />
    </Stack>
  );
}

/** Its form is checked here; that another expert has the address only the server knows. */
function isTaken(thrown: unknown): boolean {
  return Problem.of(thrown).text('field') === 'slug';
}

function Editor({ stored, name }: { stored: Tagged<Profile | undefined>; name: string }) {
  const { t } = useTranslation('expert');
  const { t: common } = useTranslation();
  const client = useQueryClient();
  const profile = stored.value;
  const form = useForm<Form>({
    defaultValues: {
      slug: profile?.slug ?? slugOf(name),
      headline: profile?.headline ?? '',
      bio: profile?.bio ?? '',
      specialities: (profile?.specialities ?? []).join(', '),
      languages: (profile?.languages ?? []).join(', '),
      published: profile?.published ?? true,
    },
  });
  const { errors, isDirty } = form.formState;
  const shown = form.watch();
  const save = useMutation({
    mutationFn: (written: Form) =>
      askTagged(
        api.PUT('/api/me/expert-profile', {
          params: { header: { 'if-match': stored.etag } },
          body: {
            slug: written.slug.trim(),
            headline: written.headline.trim(),
            bio: written.bio.trim(),
            specialities: listOf(written.specialities),
            languages: listOf(written.languages),
            published: written.published,
          },
        }),
      ),
    onSuccess: (fresh) => {
      client.setQueryData(KEY, fresh);
      void client.invalidateQueries({ queryKey: ['experts'] });
      toast.success(t('profile.saved'));
    },
    onError: (thrown) => {
      if (isTaken(thrown)) form.setError('slug', { message: t('profile.slugTaken') }, { shouldFocus: true });
    },
  });
  const rules = useRules();
  const names = new Intl.DisplayNames(language(), { type: 'language' });
  const languages = listOf(shown.languages).filter(isTag);
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
              label={t('profile.headline')}
              hint={t('profile.headlineHint')}
              error={errors.headline?.message}
              {...form.register('headline', rules.free(200))}
            />
            <TextArea
              label={t('profile.bio')}
              rows={7}
              error={errors.bio?.message}
              {...form.register('bio', rules.free(10_000))}
            />
            <TextField
              label={t('profile.specialities')}
              hint={t('profile.withCommas')}
              error={errors.specialities?.message}
              {...form.register('specialities', {
                validate: (text) => {
                  const list = listOf(text);
                  if (list.length > MOST) return t('profile.tooMany', { count: MOST });
                  return list.every((one) => one.length <= 60) || t('profile.tooLongEach', { count: 60 });
                },
              })}
            />
            <TextField
              label={t('profile.languages')}
              hint={t('profile.languagesHint')}
              error={errors.languages?.message}
              {...form.register('languages', {
                validate: (text) => {
                  const list = listOf(text);
                  if (list.length > MOST) return t('profile.tooMany', { count: MOST });
                  const odd = list.find((tag) => !isTag(tag));
                  return odd === undefined || t('profile.noLanguage', { tag: odd });
                },
              })}
            />
            <TextField
              label={t('profile.slug')}
              hint={t('profile.slugHint')}
              error={errors.slug?.message}
              {...form.register('slug', {
                required: common('required'),
                minLength: { value: 3, message: t('profile.slugWrong') },
                ...rules.free(60),
                pattern: { value: /^[a-z0-9]+(-[a-z0-9]+)*$/, message: t('profile.slugWrong') },
              })}
            />
            <Checkbox
              label={t('profile.published')}
              hint={t('profile.publishedHint')}
              {...form.register('published')}
            />
            {save.error && !isTaken(save.error) && <ProblemNote error={save.error} />}
            <Row>
              <Button type="submit" busy={save.isPending} disabled={profile !== undefined && !isDirty}>
                {common('save')}
              </Button>
              {profile?.published && (
                <ButtonLink href={`/experts/${profile.slug}`} look="quiet">
                  <ExternalLink size={18} aria-hidden="true" />
                  {t('profile.open')}
                </ButtonLink>
              )}
            </Row>
          </Stack>
        </form>
      </Card>
      <Card>
        <h2>{t('profile.preview')}</h2>
        <Stack>
          <Row>
            <Avatar name={name} size={64} />
            <div>
              <p className={css.big}>{name}</p>
              <Soft>{shown.headline}</Soft>
            </div>
          </Row>
          <Row>
            {listOf(shown.specialities)
              .slice(0, MOST)
              .map((one) => (
                <Badge key={one} tone="accent">
                  {one}
                </Badge>
              ))}
          </Row>
          {languages.length > 0 && (
            <Soft small>
              {t('profile.speaks', { languages: languages.map((tag) => names.of(tag)).join(', ') })}
            </Soft>
          )}
          <p className={css.words}>{shown.bio || t('profile.noBio')}</p>
          {!shown.published && <Badge tone="warn">{t('profile.hidden')}</Badge>}
        </Stack>
      </Card>
    </Pair>
  );
}
