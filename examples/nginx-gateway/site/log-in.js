import { execute } from "./session.js";

// The token is not in the response but in a cookie that no script can read.
const OPERATIONS = {
  login: "mutation($input: LoginInput!) { result: login(input: $input) { message session { status } } }",
  createUser: "mutation($input: CreateUserInput!) { result: createUser(input: $input) { message session { status } } }",
};

const form = document.querySelector("form");
const alert = form.querySelector("[role=alert]");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const input = { ...Object.fromEntries(new FormData(form)), cookie: true };
  try {
    const { result } = await execute(OPERATIONS[event.submitter.value], { input });
    // A login is refused while another device has the session.
    if (!result.session) throw new Error(result.message);
    location.assign("/members/");
  } catch (problem) {
    alert.textContent = problem.message;
  }
});
