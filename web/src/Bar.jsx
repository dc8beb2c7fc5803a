import { useEffect, useRef, useState } from 'react';
import { logIn, logOut } from './session.js';

/** The head of the page: who is logged in, or the form to log in by. */
export function Bar({ session, notice, onLogin }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const status = useRef(null);
  const asked = useRef(false);

  // The form that had the focus is gone.
  useEffect(() => {
    if (session && asked.current) status.current?.focus();
  }, [session]);

  const submit = async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const fields = new FormData(form);
    setBusy(true);
    setProblem('');
    try {
      const login = await logIn(fields.get('username'), fields.get('password'));
      asked.current = true;
      onLogin(login);
    } catch (error) {
      setProblem(error.message);
      form.elements.password.select();
    } finally {
      setBusy(false);
    }
  };

  const leave = async () => {
    setBusy(true);
    setProblem('');
    try {
      await logOut(session.token);
      // Clears the screen of answers, too.
      location.reload();
    } catch (error) {
      setProblem(`${error.message} You are still logged in, in this tab alone.`);
      setBusy(false);
    }
  };

  return (
    <header className="bar">
      <h1>
        haven <span>GraphiQL</span>
      </h1>
      {session ? (
        <div className="who">
          <p role="alert">{problem}</p>
          <p role="status" tabIndex={-1} ref={status}>
            Logged in as <strong>{session.user.username}</strong>
            {session.user.isAdmin ? ' (admin)' : ' (not an admin)'}
          </p>
          <button type="button" onClick={leave} disabled={busy}>
            Log out
          </button>
        </div>
      ) : (
        <form className="who" onSubmit={submit} aria-label="Log in">
          <p role="alert">{problem || notice}</p>
          <label>
            Username
            <input name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} required />
          </label>
          <label>
            Password
            <input name="password" type="password" autoComplete="current-password" required />
          </label>
          <button type="submit" disabled={busy}>
            Log in
          </button>
        </form>
      )}
    </header>
  );
}
