import './style-nonce.js';
import './workers.js';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { useMonaco } from '@graphiql/react';
import { GraphiQL } from 'graphiql';
import 'graphiql/style.css';
import { TabFocus } from 'monaco-editor/esm/vs/editor/browser/config/tabFocus.js';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { fetcher } from './api.js';
import { Bar } from './Bar.jsx';
import { EXAMPLES_PLUGIN } from './Examples.jsx';
import { welcome } from './examples.js';
import './page.css';
import { forget, isGood, stored, tabs } from './session.js';

const PLUGINS = [EXAMPLES_PLUGIN, HISTORY_PLUGIN];

// Lets the Tab key leave the editors, so that nobody who works by keyboard is caught in one.
TabFocus.setTabFocusMode(true);

/** Wraps long lines in every editor: there is little room beside the examples. */
function WrappedLines() {
  const monaco = useMonaco((state) => state.monaco);
  useEffect(() => {
    if (!monaco) return undefined;
    const wrap = (editor) => editor.updateOptions({ wordWrap: 'on', wrappingIndent: 'indent' });
    monaco.editor.getEditors().forEach(wrap);
    const following = monaco.editor.onDidCreateEditor(wrap);
    return () => following.dispose();
  }, [monaco]);
  return null;
}

function Page() {
  const [session, setSession] = useState(stored);
  const [notice, setNotice] = useState('');
  const token = session?.token;

  const check = useCallback(async () => {
    if (await isGood(token).catch(() => true)) return;
    forget();
    setSession(null);
    setNotice('Your login has ended. Log in again.');
  }, [token]);

  // A login from before a reload may have ended meanwhile.
  useEffect(() => {
    if (stored()) check();
  }, []);

  // A new one also makes GraphiQL ask for the schema again.
  const send = useMemo(() => fetcher(token, check), [token, check]);

  return (
    <>
      <Bar session={session} notice={notice} onLogin={setSession} />
      <main>
        <WrappedLines />
        <GraphiQL
          fetcher={send}
          storage={tabs}
          plugins={PLUGINS}
          visiblePlugin={EXAMPLES_PLUGIN}
          defaultQuery={welcome}
          defaultEditorToolsVisibility="variables"
          shouldPersistHeaders={false}
        >
          <GraphiQL.Logo> </GraphiQL.Logo>
        </GraphiQL>
      </main>
    </>
  );
}

createRoot(document.getElementById('root')).render(<Page />);
