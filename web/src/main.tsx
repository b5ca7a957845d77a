import './styles/tokens.css';
import './styles/base.css';
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { queries } from './api/query';
import { App } from './app/app';
import { startWorker } from './app/worker';
import { startI18n } from './i18n';
import { startTheme } from './lib/theme';
import { measureClock } from './live/clock';

startTheme();
void measureClock().catch(() => {});
const started = startI18n();
void started.then(() => {
  const root = document.getElementById('root');
  if (!root) throw new Error('the page has no root');
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
});
startWorker();
