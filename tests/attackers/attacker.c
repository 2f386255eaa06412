/* Whoever may write in a folder and nothing else, trying to gain by what a restore does there.

   attacker MODE NAME...   in the current directory, as its owner, until SIGTERM; then prints how often it got a hand in,
                           and how often it read what only the mode of its folder protects.

   What a restore makes is exchanged for what belongs to root (`prizes`), at every moment:
   staging   the restore's own folder and a prize: so that the restore works in the prize
   away      the restore's own folder is renamed away, a folder of the attacker's put in its place, and all of that undone
   occupy    the restore's own folder gets the name of something that is to be replaced
   names     something that is to be replaced or removed and a prize: so that the prize is chowned, or removed
   parents   a folder that is worked in and a prize
   links     something that is to be replaced becomes a hard link, a link, a fifo or a folder, and comes back
   fill      folders with many files are moved into what is to be removed
   peek      a folder that only root may enter, one of the attacker's and one that is open to all: what is in the first is
             read in whichever becomes it */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *prizes[] = {"secretdir", "data~", "secret.yaml", "other~"};
static volatile sig_atomic_t stop;
static long hands, reads;
static char staging[300];

static void on_term(int number) { (void)number; stop = 1; }

static int exchange(const char *a, const char *b) {
    int failed = renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
    if (!failed) hands++;
    return failed;
}

/* The restore's own folder is the one of root's with its prefix; the name is new each time. */
static int find_staging(void) {
    DIR *here = opendir(".");
    struct dirent *one;
    int found = 0;
    while (here && (one = readdir(here)))
        if (!strncmp(one->d_name, ".configvault-", 13)) {
            snprintf(staging, sizeof staging, "%s", one->d_name);
            found = 1;
        }
    if (here) closedir(here);
    return found;
}

/* What can be read in any of the folders, and would be closed to us in its own. */
static void peek(void) {
    static const char *files[] = {"data~/open.yaml", "other~/open.yaml", "mine/open.yaml",
                                  "data~/left.swp", "other~/left.swp", "mine/left.swp"};
    char text[8];
    for (int number = 0; number < 6; number++) {
        int fd = open(files[number], O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0) continue;
        if (read(fd, text, 7) == 7 && !memcmp(text, "closed:", 7)) reads++;
        close(fd);
    }
}

static void spin(int times) { struct stat seen; while (times-- > 0 && !stop) lstat(".", &seen); }

int main(int count, char **word) {
    if (count < 3) return 2;
    const char *mode = word[1];
    char **names = word + 2;
    int total = count - 2;
    signal(SIGTERM, on_term);
    srand(getpid());
    mkdir("mine", 0777);
    printf("ready\n");
    fflush(stdout);
    while (!stop) {
        const char *name = names[rand() % total], *prize = prizes[rand() % 4];
        if (!strcmp(mode, "staging")) {
            if (!find_staging()) continue;
            if (!exchange(staging, prize)) { spin(rand() % 60); exchange(staging, prize); }
        } else if (!strcmp(mode, "away")) {
            if (!find_staging()) continue;
            if (rand() % 2) {
                if (!exchange(staging, "mine")) { spin(rand() % 60); exchange(staging, "mine"); }
            } else if (!rename(staging, "away")) {
                hands++;
                mkdir(staging, 0777);
                spin(rand() % 60);
                rmdir(staging);
                if (rand() % 8) rename("away", staging);
            }
        } else if (!strcmp(mode, "occupy")) {
            if (!find_staging()) continue;
            if (!exchange(staging, name)) { spin(rand() % 60); exchange(staging, name); }
            else if (!rename(staging, name)) hands++;
        } else if (!strcmp(mode, "names")) {
            if (!exchange(name, prize)) { spin(rand() % 60); exchange(name, prize); }
        } else if (!strcmp(mode, "parents")) {
            const char *folder = rand() % 2 ? "secretdir" : "other~";
            if (!exchange("d", folder)) { spin(rand() % 200); exchange("d", folder); spin(rand() % 200); }
        } else if (!strcmp(mode, "links")) {
            switch (rand() % 5) {
            case 0: if (!link(name, "hard")) hands++; rename("hard", names[rand() % total]); unlink("hard"); break;
            case 1: if (!symlink("secret.yaml", "soft")) { hands++; exchange("soft", name); unlink("soft"); } break;
            case 2: if (!mkfifo("pipe", 0666)) { exchange("pipe", name); rename("pipe", name); unlink("pipe"); } break;
            case 3: exchange("mine", name); mkdir("mine", 0777); break;
            case 4: { int fd = open(name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK); if (fd >= 0) { hands++; write(fd, "x", 1); close(fd); } }
            }
        } else if (!strcmp(mode, "fill")) {
            char inside[300];
            snprintf(inside, sizeof inside, "%s/in", name);
            if (!rename("secret.yaml", inside)) { hands++; spin(rand() % 60); rename(inside, "secret.yaml"); }
            snprintf(inside, sizeof inside, "%s/mine", name);
            if (!rename("mine", inside)) { hands++; spin(rand() % 60); rename(inside, "mine"); }
            mkdir("mine", 0777);
        } else if (!strcmp(mode, "peek")) {
            exchange("data~", rand() % 2 ? "mine" : "other~");
            for (int times = rand() % 2000; times > 0 && !stop; times--) peek();
        } else return 2;
    }
    printf("%ld %ld\n", hands, reads);
    return 0;
}
