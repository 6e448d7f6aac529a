import type { CreateUserInput, LoginInput, OnConflict } from '../gql/graphql';
import type { PageCaller } from './backend';
import { addressOf, type DeviceProfile, type PhoneId, phoneProfiles, strangerProfiles } from './devices';
import type { DemoUser } from './model';

/** Makes the inputs of the sign-up and the logins. */
export class LoginInputs {
  private readonly attempts: Record<PhoneId | 'stranger', number> = { 1: 0, 2: 0, stranger: 0 };
  private readonly deviceIds: Record<PhoneId, string> = { 1: newDeviceId(), 2: newDeviceId() };
  private strangers = 0;

  constructor(private readonly caller: () => PageCaller) {}

  ofSignUp(user: DemoUser, id: PhoneId): CreateUserInput {
    return { ...this.credentials(user), ...this.device(phoneProfiles[id], id), deviceId: this.deviceIds[id] };
  }

  /**
   * A phone names its device only if the login may succeed. The server raises at most one alert a
   * minute for the refused logins of one device, and the demo shows one for each.
   */
  ofPhone(user: DemoUser, id: PhoneId, onConflict: OnConflict, ifAway: OnConflict | null): LoginInput {
    const named = onConflict === 'REJECT' ? {} : { deviceId: this.deviceIds[id] };
    return {
      ...this.credentials(user),
      ...this.device(phoneProfiles[id], id),
      ...named,
      onConflict,
      ...(ifAway ? { ifAway } : {}),
    };
  }

  /** Each stranger has another device. */
  ofStranger(user: DemoUser, onConflict: OnConflict): LoginInput {
    const profile = strangerProfiles[this.strangers % strangerProfiles.length] ?? phoneProfiles[2];
    this.strangers += 1;
    return {
      ...this.credentials(user),
      ...this.device(profile, 'stranger'),
      deviceId: newDeviceId(),
      onConflict,
    };
  }

  /** The service authenticates its users itself. Every other caller must send the password. */
  private credentials({ mobile, username, password }: DemoUser) {
    return this.caller().isService ? { mobile, username } : { mobile, username, password };
  }

  /** Only the service may set an address. */
  private device(profile: DeviceProfile, sender: PhoneId | 'stranger') {
    const attempt = this.attempts[sender];
    this.attempts[sender] += 1;
    const { userAgent } = profile;
    return this.caller().isService ? { userAgent, ipAddress: addressOf(profile, attempt) } : { userAgent };
  }
}

/** 128 random bits. */
function newDeviceId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
