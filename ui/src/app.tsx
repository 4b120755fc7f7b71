// The frame around every page, and which page an address opens.
import { lazy, Suspense, type ReactNode } from 'react';
import { dashboardHref, getDashboards } from './api/sightline';
import { DataSourcesProvider } from './shared/data_sources';
import { Link, useLocation } from './shared/location';
import { Notice, Skeleton } from './shared/notice';
import { Popover } from './shared/popover';
import { toggleTheme, useTheme } from './shared/theme';
import { useRequest } from './shared/use_request';
import { StartPage } from './start/start_page';
import { TracePage } from './trace/trace_page';

// uPlot comes only with the pages that draw.
const DashboardPage = lazy(async () => ({ default: (await import('./dashboard/dashboard_page')).DashboardPage }));
const ExplorePage = lazy(async () => ({ default: (await import('./explore/explore_page')).ExplorePage }));

export function App(): ReactNode {
  const { path } = useLocation();
  return (
    <DataSourcesProvider>
      <a className="skip" href="#content">
        Skip to content
      </a>
      <TopBar path={path} />
      <div id="content" tabIndex={-1}>
        <Suspense fallback={<main className="page"><Skeleton lines={6} /></main>}>
          <Page path={path} />
        </Suspense>
      </div>
    </DataSourcesProvider>
  );
}

function Page({ path }: { path: string }): ReactNode {
  const [, first = '', second = ''] = path.split('/');
  const name = safeDecode(second);
  if (first === '') return <StartPage />;
  if (first === 'd' && name !== '') return <DashboardPage uid={name} />;
  if (first === 'trace' && name !== '') return <TracePage traceId={name} />;
  if (first === 'explore') return <ExplorePage />;
  return (
    <main className="page">
      <Notice kind="error" title="There is no such page">
        <Link href="/">Go to the start page</Link>
      </Notice>
    </main>
  );
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function TopBar({ path }: { path: string }): ReactNode {
  const theme = useTheme();
  return (
    <header className="topbar">
      <Link className="brand" href="/" aria-label="Sightline, start page">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path className="brand-line" d="M4 23c6 0 6-9 12-9M16 14h12" />
          <path className="brand-dot" d="M16 8.4l5.6 5.6-5.6 5.6-5.6-5.6z" />
        </svg>
        <span>Sightline</span>
      </Link>
      <nav aria-label="Main">
        <Link href="/" aria-current={path === '/' ? 'page' : undefined}>
          Start
        </Link>
        <DashboardMenu current={path.startsWith('/d/')} />
        <Link href="/explore" aria-current={path === '/explore' ? 'page' : undefined}>
          Explore
        </Link>
      </nav>
      <button type="button" className="button button-icon" onClick={toggleTheme} aria-label={theme === 'dark' ? 'Use the light theme' : 'Use the dark theme'} title={theme === 'dark' ? 'Light theme' : 'Dark theme'}>
        <svg viewBox="0 0 20 20" aria-hidden="true">
          {theme === 'dark' ? (
            <path d="M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1" />
          ) : (
            <path d="M16.5 11.8A7 7 0 0 1 8.2 3.5a7 7 0 1 0 8.3 8.3z" />
          )}
        </svg>
      </button>
    </header>
  );
}

function DashboardMenu({ current }: { current: boolean }): ReactNode {
  return (
    <Popover align="left" name="Dashboards" className={current ? 'nav-button nav-current' : 'nav-button'} label={<>Dashboards <span className="caret">▾</span></>}>
      {(close) => <DashboardList onOpen={close} />}
    </Popover>
  );
}

function DashboardList({ onOpen }: { onOpen: () => void }): ReactNode {
  const { data, error } = useRequest('dashboards', 0, getDashboards);
  if (error) return <p className="quiet">{error.message}</p>;
  if (!data) return <Skeleton lines={3} />;
  if (data.length === 0) return <p className="quiet">No dashboards are provisioned.</p>;
  return (
    <ul className="menu">
      {data.map((link) => (
        <li key={link.uid}>
          <Link href={dashboardHref(link)} onClick={onOpen}>
            {link.title}
          </Link>
        </li>
      ))}
    </ul>
  );
}
