import type account from '../locales/en/account.json';
import type admin from '../locales/en/admin.json';
import type appointments from '../locales/en/appointments.json';
import type booking from '../locales/en/booking.json';
import type call from '../locales/en/call.json';
import type common from '../locales/en/common.json';
import type demo from '../locales/en/demo.json';
import type expert from '../locales/en/expert.json';
import type problems from '../locales/en/problems.json';

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'common';
    resources: {
      account: typeof account;
      admin: typeof admin;
      appointments: typeof appointments;
      booking: typeof booking;
      call: typeof call;
      common: typeof common;
      demo: typeof demo;
      expert: typeof expert;
      problems: typeof problems;
    };
  }
}
