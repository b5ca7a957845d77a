import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAct } from '~/appointments/act';
import { WindowDialog } from '~/appointments/window-dialog';
import { toast } from '~/ui/toast';
import type { Appointment } from './access';

/** The host sets from within the call when its room closes. */
export default function RoomWindow({
  appointment,
  onClose,
}: {
  appointment: Appointment;
  onClose: () => void;
}) {
  const { t } = useTranslation('appointments');
  const act = useAct();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  return (
    <WindowDialog
      appointment={appointment}
      busy={busy}
      error={error}
      onClose={onClose}
      onAct={(what) => {
        setBusy(true);
        act(appointment, what).then(
          () => {
            toast.success(t('done.window'));
            onClose();
          },
          (refusal) => {
            setError(refusal);
            setBusy(false);
          },
        );
      }}
    />
  );
}
