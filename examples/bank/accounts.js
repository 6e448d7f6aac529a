// The bank's own users. They live in memory, where a real bank has a database.

import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const hash = promisify(scrypt);
const HASH_LENGTH = 32;
/** The sum that a new account starts with, in cents. */
const OPENING_BALANCE = 10_000;

/** A request of a user that the bank refuses. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class Accounts {
  #accounts = new Map();

  async open({ mobile, name, password }) {
    if (this.#accounts.has(mobile)) throw new Refused(409, "This number has an account already.");
    const salt = randomBytes(16);
    const account = { mobile, name, salt, password: await hash(password, salt, HASH_LENGTH), balance: OPENING_BALANCE };
    if (this.#accounts.has(mobile)) throw new Refused(409, "This number has an account already.");
    this.#accounts.set(mobile, account);
    return account;
  }

  /** Removes an account whose registration did not succeed. */
  remove({ mobile }) {
    this.#accounts.delete(mobile);
  }

  /** The account of this number, if the password is right. An unknown number takes the same time. */
  async authenticate({ mobile, password }) {
    const account = this.#accounts.get(mobile);
    const { salt, password: expected } = account ?? { salt: "unknown", password: randomBytes(HASH_LENGTH) };
    const given = await hash(password, salt, HASH_LENGTH);
    if (!timingSafeEqual(given, expected) || !account) throw new Refused(401, "The number or the password is wrong.");
    return account;
  }

  /** The account of a user of sessiond. sessiond may have written the number in another form. */
  get(mobile) {
    const account = this.#accounts.get(mobile);
    if (!account) throw new Refused(404, "There is no such account.");
    return account;
  }

  transfer(from, { to, cents }) {
    const [payer, payee] = [this.get(from), this.get(to)];
    if (!Number.isSafeInteger(cents) || cents <= 0) throw new Refused(400, "The amount must be more than zero.");
    if (cents > payer.balance) throw new Refused(409, "The balance is too low.");
    payer.balance -= cents;
    payee.balance += cents;
    return payer;
  }
}
