import { Button } from '@mantine/core';
import { useDemo, useDemoState } from '../demo/demo-context';
import { Dialog, DialogActions, DialogText } from '../ui/dialog';
import styles from './notifications.module.css';

/** Asks whether to freeze the account, because that logs every device out. */
export function FreezeDialog() {
  const demo = useDemo();
  const { asksToFreeze } = useDemoState();
  return (
    <Dialog open={asksToFreeze !== null} title="It wasn’t you?" onClose={() => demo.cancelFreeze()}>
      <DialogText>
        Somebody may know your password. Freeze the account: every device is logged out at once, also this one, and no
        login succeeds, even with the right password. Only the bank can end the freeze before a day has passed.
      </DialogText>
      <DialogActions>
        <Button variant="default" onClick={() => demo.cancelFreeze()} data-autofocus>
          Cancel
        </Button>
        <Button className={styles.freeze} onClick={() => void demo.confirmFreeze()}>
          Freeze the account
        </Button>
      </DialogActions>
    </Dialog>
  );
}
