import './styles/tokens.css';
import './styles/base.css';
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { queries } from './api/query';
import { App } from './app/app';
import { takeServed } from './app/served';
import { startWorker } from './app/worker';
import { startI18n } from './i18n';
import { startTheme } from './lib/theme';
import { keepClock, measureClock } from './live/clock';

async function start(): Promise<void> {
  startTheme();
  takeServed();
  void measureClock().catch(() => {});
  keepClock();
  startWorker();
  await startI18n();
  const root = document.getElementById('root');
  if (!root) throw new Error('the page has no root');
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
}

// Where public/unsupported.js has found that this browser cannot do it, its page stands instead.
if (!('unsupported' in document.documentElement.dataset)) void start();
