/** Words of prompts for secrets, in some languages. */
const words =
  /pass(?:word|phrase|code|wd)?\b|passwort|kennwort|\bpin\b|secret|token|\botp\b|one-time|verification code|mot de passe|contraseña|senha|parola|hasło|wachtwoord|пароль|密码|密碼|パスワード|暗証|암호|비밀번호/iu;

/**
 * Does this line ask for a secret? What is typed behind it is hidden, whatever the terminal echoes.
 * @param line what stands in the line before the cursor
 */
export function asksForSecret(line: string): boolean {
  return /[:：?>]\s*$/u.test(line) && words.test(line);
}
