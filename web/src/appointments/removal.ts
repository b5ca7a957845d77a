import { type QueryKey, useMutation, useQueryClient } from '@tanstack/react-query';
import { toast } from '~/ui/toast';

/** Takes something out of a list at once, and puts it back where the server does not let it go. */
export function useRemoval(
  queryKey: QueryKey,
  id: string,
  remove: () => Promise<unknown>,
  onRemoved: () => void = () => {},
) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: remove,
    onMutate: async () => {
      await client.cancelQueries({ queryKey });
      const before = client.getQueryData<{ id: string }[]>(queryKey);
      client.setQueryData<{ id: string }[]>(queryKey, (list) => list?.filter((one) => one.id !== id));
      return before;
    },
    onError: (error, _, before) => {
      client.setQueryData(queryKey, before);
      toast.problem(error);
    },
    onSuccess: onRemoved,
    onSettled: () => client.invalidateQueries({ queryKey }),
  });
}
