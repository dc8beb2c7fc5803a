import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { examples } from './examples.js';

const LICENSES = document.querySelector('link[rel=license]').href;

const kindOf = (query) => query.slice(0, query.indexOf(' '));

function ExamplesPane() {
  const { addTab, changeTab } = useGraphiQLActions();
  const { tabs, activeTabIndex, queryEditor, variableEditor } = useGraphiQL(
    ({ tabs, activeTabIndex, queryEditor, variableEditor }) => ({ tabs, activeTabIndex, queryEditor, variableEditor }),
  );

  const open = ({ query, variables }) => {
    // Unchanged in a tab already: what was filled in there is kept.
    const there = tabs.findIndex((tab) => tab.query === query);
    if (there === activeTabIndex) {
      queryEditor.focus();
      return;
    }
    if (there >= 0) {
      changeTab(there);
    } else {
      addTab();
      queryEditor.setValue(query);
      variableEditor.setValue(variables ? JSON.stringify(variables, null, 2) : '');
    }
    (variables ? variableEditor : queryEditor).focus();
  };

  return (
    <section className="examples" aria-labelledby="examples-title">
      <h2 id="examples-title">Examples</h2>
      <p>Each opens in a tab of its own. Nothing runs until you say so.</p>
      {examples.map((group) => (
        <div key={group.title}>
          <h3>{group.title}</h3>
          <ul>
            {group.examples.map((example) => (
              <li key={example.title}>
                <button type="button" disabled={!queryEditor || !variableEditor} onClick={() => open(example)}>
                  <span className="title">{example.title}</span>
                  <span className={`kind ${kindOf(example.query)}`}>{kindOf(example.query)}</span>
                  <span className="about">{example.about}</span>
                </button>
              </li>
            ))}
          </ul>
        </div>
      ))}
      <p className="licenses">
        This page is made of GraphiQL and other free software: <a href={LICENSES}>licences</a>.
      </p>
    </section>
  );
}

const Icon = (props) => (
  <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" {...props}>
    <path d="M4 5h16M4 10h10M4 15h16M4 20h10" strokeLinecap="round" />
  </svg>
);

/** The pane that lists the examples. */
export const EXAMPLES_PLUGIN = { title: 'Examples', icon: Icon, content: ExamplesPane };
