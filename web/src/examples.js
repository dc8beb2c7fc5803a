// Operations for the daily work of an admin. build.mjs checks each against the schema.

/** In groups; `variables` are those to fill in. */
export const examples = [
  {
    title: 'Users',
    examples: [
      {
        title: 'Find a user',
        about: 'By the beginning of the username or email address.',
        variables: { search: '' },
        query: `query FindUser($search: String, $after: String) {
  users(search: $search, first: 20, after: $after) {
    nodes {
      id
      username
      email
      isActive
      isAdmin
      isOnline
      joinedAt
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
      },
      {
        title: 'See one user',
        about: 'Profile, contacts, therapist and the latest alarms.',
        variables: { userId: 'me' },
        query: `query SeeUser($userId: ID!) {
  user(id: $userId) {
    id
    username
    email
    language
    profile {
      age
      location
      ptsdLevel
      scenario {
        name
      }
      music {
        name
      }
    }
    emergencyContacts {
      name
      relationship
      phone
      email
    }
    therapist {
      name
      phone
      email
    }
    alarms(first: 5) {
      nodes {
        id
        timestamp
        scenarioName
        result {
          completed
        }
      }
    }
  }
}
`,
      },
    ],
  },
  {
    title: 'Support',
    examples: [
      {
        title: 'Follow support events',
        about: 'Who comes and goes, and what users write. Runs until it is stopped.',
        query: `subscription FollowSupport {
  supportEvents {
    __typename
    ... on ChatMessagePosted {
      message {
        id
        message
        fromAdmin
        timestamp
        user {
          id
          username
        }
      }
    }
    ... on UserConnected {
      user {
        id
        username
      }
    }
    ... on UserDisconnected {
      user {
        id
        username
      }
    }
  }
}
`,
      },
      {
        title: 'Read the inbox',
        about: 'Every conversation with its last messages, latest first.',
        query: `query ReadInbox($after: String) {
  supportInbox(first: 10, after: $after) {
    nodes {
      id
      startedAt
      endedAt
      user {
        id
        username
        isOnline
      }
      messages(last: 3) {
        nodes {
          message
          fromAdmin
          timestamp
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
      },
      {
        title: 'Read a chat',
        about: "A user's conversation with support.",
        variables: { userId: '' },
        query: `query ReadChat($userId: ID!, $before: String) {
  user(id: $userId) {
    username
    supportChat {
      id
      endedAt
      messages(last: 30, before: $before) {
        nodes {
          id
          message
          fromAdmin
          timestamp
          author {
            username
          }
        }
        pageInfo {
          hasPreviousPage
          startCursor
        }
      }
    }
  }
}
`,
      },
      {
        title: 'Answer a chat',
        about: 'Writes to the user at once.',
        variables: { userId: '', message: '' },
        query: `mutation AnswerChat($userId: ID!, $message: String!) {
  sendSupportMessage(userId: $userId, message: $message) {
    id
    message
    timestamp
    session {
      id
    }
  }
}
`,
      },
    ],
  },
  {
    title: 'Alarms',
    examples: [
      {
        title: 'Follow an alarm',
        about: "A user's alarm as it goes on: where, and who has been told.",
        variables: { userId: '' },
        query: `subscription FollowAlarm($userId: ID!) {
  alarmUpdates(userId: $userId) {
    id
    timestamp
    scenarioName
    result {
      location
      latitude
      longitude
      messageSentToContacts
      therapistNotified
      completed
    }
    notifications {
      id
      purpose
      recipientName
      channel
      status
      attempts
      failure
    }
  }
}
`,
      },
      {
        title: 'See failed notifications',
        about: 'Messages of alarms that were given up, latest first.',
        query: `query FailedNotifications($after: String) {
  notifications(status: [FAILED], first: 20, after: $after) {
    nodes {
      id
      purpose
      recipientName
      channel
      attempts
      failure
      alarm {
        id
        timestamp
        user {
          id
          username
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
      },
      {
        title: 'Retry a notification',
        about: 'Sends it again at once.',
        variables: { id: '' },
        query: `mutation RetryNotification($id: ID!) {
  retryNotification(id: $id) {
    id
    status
    attempts
    nextAttemptAt
    failure
  }
}
`,
      },
    ],
  },
  {
    title: 'Tracks',
    examples: [
      {
        title: 'List the tracks',
        about: 'All that the app can play.',
        query: `query Tracks {
  musicTracks {
    id
    name
    url
  }
}
`,
      },
      {
        title: 'Add a track',
        about: 'The app loads it from the URL.',
        variables: { input: { name: '', url: 'https://' } },
        query: `mutation AddTrack($input: MusicTrackInput!) {
  createMusicTrack(input: $input) {
    id
    name
    url
  }
}
`,
      },
    ],
  },
];

/** The first tab. */
export const welcome = `# Log in above, then take an example
# from the list or write your own.
# Ctrl+Enter runs it. Tab leaves the
# editor.

query WhoAmI {
  me {
    id
    username
    isAdmin
  }
}
`;
