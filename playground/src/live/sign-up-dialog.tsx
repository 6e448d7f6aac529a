import { Button } from '@mantine/core';
import { useDemo, useDemoState } from '../demo/demo-context';
import { Dialog, DialogActions, DialogText } from '../ui/dialog';
import { formatMobile } from '../ui/mobile';

/** Asks whether to register the demo user in a store that may hold real users. */
export function SignUpDialog() {
  const demo = useDemo();
  const { asksToSignUp, user } = useDemoState();
  return (
    <Dialog open={asksToSignUp !== null} title="Register a demo user?" onClose={() => demo.cancelSignUp()}>
      <DialogText>
        This server has a service key, so its database may hold real users. The demo adds the user {user.username} with
        the number {formatMobile(user.mobile)} to it. Nobody has such a number, because no country has the code 999. The
        user stays in the database until the service deletes it.
      </DialogText>
      <DialogActions>
        <Button variant="default" onClick={() => demo.cancelSignUp()} data-autofocus>
          Cancel
        </Button>
        <Button onClick={() => void demo.confirmSignUp()}>Register</Button>
      </DialogActions>
    </Dialog>
  );
}
