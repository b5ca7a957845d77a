import { useMutation, useQueryClient } from '@tanstack/react-query';
import { ArrowLeft } from 'lucide-react';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { api, ask, type Problem } from '~/api/client';
import { blame, useRules } from '~/lib/form';
import { useTitle } from '~/lib/title';
import { Button, ButtonLink } from '~/ui/button';
import { Select, TextField } from '~/ui/field';
import { Card, Row, Stack } from '~/ui/layout';
import { ProblemNote } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './admin.module.css';
import { type Account, ROLES } from './people';

interface Form {
  name: string;
  email: string;
  phone: string;
  role: Account['role'];
  tz: string;
  locale: 'en' | 'de';
}

export function NewPerson() {
  const { t, i18n } = useTranslation('admin');
  const { t: common } = useTranslation();
  const client = useQueryClient();
  const [, navigate] = useLocation();
  useTitle(t('people.new'));
  const form = useForm<Form>({
    defaultValues: {
      name: '',
      email: '',
      phone: '',
      role: 'customer',
      tz: Intl.DateTimeFormat().resolvedOptions().timeZone,
      locale: i18n.language.startsWith('de') ? 'de' : 'en',
    },
  });
  const { errors } = form.formState;
  const create = useMutation({
    mutationFn: (written: Form) =>
      ask(
        api.POST('/api/users', {
          body: {
            name: written.name.trim(),
            email: written.email.trim(),
            role: written.role,
            tz: written.tz,
            locale: written.locale,
            ...(written.phone.trim() && { phone: written.phone.trim() }),
          },
        }),
      ),
    onSuccess: (account) => {
      void client.invalidateQueries({ queryKey: ['users'] });
      toast.success(t('people.created', { name: account.name }));
      navigate(`/admin/people/${account.id}`);
    },
  });
  const [rest, setRest] = useState<Problem>();
  const rules = useRules();
  return (
    <Stack className={css.page}>
      <div>
        <ButtonLink href="/admin/people" look="quiet" size="small">
          <ArrowLeft size={18} aria-hidden="true" />
          {t('people.title')}
        </ButtonLink>
        <h1>{t('people.new')}</h1>
      </div>
      <Card>
        <form
          noValidate
          onSubmit={form.handleSubmit(async (written) => {
            setRest(undefined);
            await create.mutateAsync(written).catch(async (thrown) =>
              setRest(
                await blame(thrown, form.setError, {
                  email_taken: 'email',
                  invalid_email: 'email',
                  invalid_name: 'name',
                  invalid_phone: 'phone',
                }),
              ),
            );
          })}
        >
          <Stack>
            <TextField
              label={t('people.name')}
              autoComplete="off"
              error={errors.name?.message}
              {...form.register('name', rules.text(200))}
            />
            <TextField
              label={t('people.email')}
              type="email"
              autoComplete="off"
              hint={t('people.emailHint')}
              error={errors.email?.message}
              {...form.register('email', rules.email)}
            />
            <TextField
              label={`${t('people.phone')} (${common('optional')})`}
              type="tel"
              autoComplete="off"
              hint={t('people.phoneHint')}
              error={errors.phone?.message}
              {...form.register('phone', {
                validate: (written) =>
                  !written.trim() ||
                  /^\+[1-9]\d{6,14}$/.test(written.replace(/[\s()/-]/g, '')) ||
                  t('people.phoneWrong'),
              })}
            />
            <div className={css.filters}>
              <Select label={t('people.role')} {...form.register('role')}>
                {ROLES.map((one) => (
                  <option key={one} value={one}>
                    {t(`role.${one}`)}
                  </option>
                ))}
              </Select>
              <Select label={t('people.language')} {...form.register('locale')}>
                <option value="en">English</option>
                <option value="de">Deutsch</option>
              </Select>
              <Select label={t('people.zone')} {...form.register('tz')}>
                {zones(form.getValues('tz')).map((zone) => (
                  <option key={zone} value={zone}>
                    {zone}
                  </option>
                ))}
              </Select>
            </div>
            {rest && <ProblemNote error={rest} />}
            <Row>
              <Button type="submit" busy={create.isPending}>
                {t('people.create')}
              </Button>
              <ButtonLink href="/admin/people" look="secondary">
                {common('cancel')}
              </ButtonLink>
            </Row>
          </Stack>
        </form>
      </Card>
    </Stack>
  );
}

/** All zones that the browser knows, one's own among them; older browsers know only that. */
function zones(own: string): string[] {
  const known = typeof Intl.supportedValuesOf === 'function' ? Intl.supportedValuesOf('timeZone') : [];
  return [...new Set([own, 'UTC', ...known])].sort();
}
