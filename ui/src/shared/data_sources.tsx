// The data sources, asked for once and handed to every page.
import { createContext, useContext, type ReactNode } from 'react';
import { defaultOf, getDataSources, type DataSource, type DataSourceType } from '../api/sightline';
import { useRequest } from './use_request';

interface Known {
  sources: readonly DataSource[];
  ready: boolean;
  error: Error | undefined;
}

const Context = createContext<Known>({ sources: [], ready: false, error: undefined });

export function DataSourcesProvider({ children }: { children: ReactNode }): ReactNode {
  const { data, error } = useRequest('datasources', 0, getDataSources);
  return <Context.Provider value={{ sources: data ?? [], ready: data !== undefined, error }}>{children}</Context.Provider>;
}

export function useDataSources(): Known {
  return useContext(Context);
}

// By uid, by name (older dashboards), or the default of the type.
export function findSource(sources: readonly DataSource[], ref: string, type: DataSourceType): DataSource | undefined {
  if (ref === '' || ref === 'default' || ref.startsWith('-- ')) return defaultOf(sources, type);
  return sources.find((source) => source.type === type && (source.uid === ref || source.name === ref));
}
