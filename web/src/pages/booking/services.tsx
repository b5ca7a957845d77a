import { ChevronRight } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Badge, Card } from '~/ui/layout';
import { State } from '~/ui/states';
import css from './book.module.css';
import type { Service } from './queries';
import { useWay } from './way';
import { useFacts } from './words';

export function ChooseService({ services }: { services: readonly Service[] }) {
  const { t } = useTranslation('booking');
  const facts = useFacts();
  const way = useWay();
  if (services.length === 0) {
    return (
      <State title={t('noServices')}>
        <p>{t('noServicesNext')}</p>
      </State>
    );
  }
  return (
    <Card>
      <h2>{t('whichService')}</h2>
      <ul className={css.choices}>
        {services.map((service) => (
          <li key={service.id}>
            <button type="button" onClick={() => way.go({ service: service.id, at: undefined })}>
              <span>
                <strong>{service.title}</strong>
                {service.description && <span>{service.description}</span>}
                <span className={css.badges}>
                  {facts(service).map((fact) => (
                    <Badge key={fact}>{fact}</Badge>
                  ))}
                </span>
              </span>
              <ChevronRight size={20} aria-hidden="true" />
            </button>
          </li>
        ))}
      </ul>
    </Card>
  );
}
