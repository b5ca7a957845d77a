import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ListPlus, Pencil, Plus, Power } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useParams } from 'wouter';
import { api, ask, Problem, type Schemas } from '~/api/client';
import { servicesQuery } from '~/expert/queries';
import { useTitle } from '~/lib/title';
import { Button, ButtonLink } from '~/ui/button';
import { Badge, Card, Row, Soft, Stack } from '~/ui/layout';
import { Loading, ProblemState, State } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './expert.module.css';
import { ServiceEditor } from './service-editor';

type Service = Schemas['Service'];

/** What the expert offers: all of it, or one as `/expert/services/new` and `/expert/services/{id}` edit it. */
export default function Services() {
  const { t } = useTranslation('expert');
  const { id } = useParams<{ id?: string }>();
  const { data, error, isPending, refetch } = useQuery(servicesQuery);
  useTitle(t('sections.services'));
  if (id === 'new') return <ServiceEditor />;
  if (id) {
    if (isPending) return <Loading />;
    if (error) return <ProblemState error={error} retry={() => void refetch()} level={1} />;
    const service = data.find((one) => one.id === id);
    return service ? (
      <ServiceEditor key={service.id} service={service} />
    ) : (
      <ProblemState error={new Problem('not_found', 404)} level={1} />
    );
  }
  return (
    <Stack className={css.page}>
      <Row spread>
        <div>
          <h1>{t('services.title')}</h1>
          <Soft>{t('services.intro')}</Soft>
        </div>
        <ButtonLink href="/expert/services/new">
          <Plus size={18} aria-hidden="true" />
          {t('services.new')}
        </ButtonLink>
      </Row>
      {isPending && <Loading />}
      {error && <ProblemState error={error} retry={() => void refetch()} />}
      {data?.length === 0 && (
        <State icon={<ListPlus size={40} />} title={t('services.empty')}>
          <p>{t('services.emptyText')}</p>
        </State>
      )}
      {data?.map((service) => (
        <One key={service.id} service={service} />
      ))}
    </Stack>
  );
}

function One({ service }: { service: Service }) {
  const { t } = useTranslation('expert');
  const { t: common } = useTranslation();
  const client = useQueryClient();
  const { queryKey } = servicesQuery;
  const turn = useMutation({
    mutationFn: (on: boolean) => {
      const params = { params: { path: { service_id: service.id } } };
      return on
        ? ask(api.POST('/api/services/{service_id}/activate', params))
        : ask(api.POST('/api/services/{service_id}/deactivate', params));
    },
    onMutate: async (active) => {
      await client.cancelQueries({ queryKey });
      const before = client.getQueryData(queryKey);
      client.setQueryData(queryKey, (list) =>
        list?.map((one) => (one.id === service.id ? { ...one, active } : one)),
      );
      return { before };
    },
    onError: (problem, _on, context) => {
      client.setQueryData(queryKey, context?.before);
      toast.problem(problem);
    },
    onSuccess: ({ active }) =>
      toast.success(t(active ? 'services.activated' : 'services.deactivated', { title: service.title })),
    onSettled: () => client.invalidateQueries({ queryKey: ['services'] }),
  });
  return (
    <Card aria-label={service.title}>
      <Stack className={css.tight}>
        <Row>
          <p className={css.big}>{service.title}</p>
          <Badge tone={service.active ? 'good' : 'neutral'}>
            {t(service.active ? 'services.active' : 'services.inactive')}
          </Badge>
        </Row>
        {service.description && <p className={css.words}>{service.description}</p>}
        <Soft small>
          {[
            common('minutes', { count: service.durationMin }),
            service.capacity > 1 && t('services.seats', { count: service.capacity }),
            t(`services.approval.${service.approval}`),
          ]
            .filter(Boolean)
            .join(' · ')}
        </Soft>
        <Row>
          <ButtonLink href={`/expert/services/${service.id}`} look="secondary" size="small">
            <Pencil size={16} aria-hidden="true" />
            {common('edit')}
            <span className="visually-hidden"> {service.title}</span>
          </ButtonLink>
          <Button
            look="quiet"
            size="small"
            busy={turn.isPending}
            onClick={() => turn.mutate(!service.active)}
          >
            <Power size={16} aria-hidden="true" />
            {t(service.active ? 'services.deactivate' : 'services.activate')}
            <span className="visually-hidden"> {service.title}</span>
          </Button>
        </Row>
      </Stack>
    </Card>
  );
}
