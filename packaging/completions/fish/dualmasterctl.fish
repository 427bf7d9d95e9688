# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_dualmasterctl_global_optspecs
    string join \n socket= f/format= q/quiet no-color h/help V/version
end

function __fish_dualmasterctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_dualmasterctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_dualmasterctl_using_subcommand
    set -l cmd (__fish_dualmasterctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -s V -l version -d 'Print version'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "list" -d 'Members, roles, links, lag, and whether the reader could take over now'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "status" -d 'Members, roles, links, lag, and whether the reader could take over now'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "explain" -d 'Every guard of a failover and every finding, with what to do'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "switchover" -d 'Make the reader the writer, as planned; undone where it does not go through in time'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "step-down" -d 'Hand the writer\'s role to the peer, if this member has it: before its server is stopped'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "failover" -d 'Promote the reader now; the writer is killed if it lives'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "pause" -d 'Nobody promotes until `resume`'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "resume" -d 'End a pause'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "ack" -d 'Let automatic failovers happen again after too many of them'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "history" -d 'The last operations'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "processlist" -d 'The sessions of both servers'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "link" -d 'Stop and start replication threads on purpose'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "reload" -d 'Read the configuration again; a bad one changes nothing'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "version" -d 'The versions of this program and of the daemon'
complete -c dualmasterctl -n "__fish_dualmasterctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand list" -s w -l watch -d 'Look again and again: a live table on a terminal, elsewhere a line for each change' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand list" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand list" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand list" -l check -d 'Exit with 3 where a pair is not healthy'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand list" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand list" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand status" -s w -l watch -d 'Look again and again: a live table on a terminal, elsewhere a line for each change' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand status" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand status" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand status" -l check -d 'Exit with 3 where a pair is not healthy'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand status" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand status" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand explain" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand explain" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand explain" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand explain" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand switchover" -l to -d 'The next writer [default: the reader]' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand switchover" -l wait -d 'Wait no longer than this' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand switchover" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand switchover" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand switchover" -l accept-own-rows -d 'Rows written on the reader by others become the truth'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand switchover" -l dry-run -d 'Say what would happen, and do nothing'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand switchover" -l no-wait -d 'Return as soon as the operation has begun'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand switchover" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand switchover" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand switchover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand step-down" -l wait -d 'Wait no longer than this' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand step-down" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand step-down" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand step-down" -l no-wait -d 'Return as soon as the operation has begun'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand step-down" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand step-down" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand step-down" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand failover" -l candidate -d 'The next writer [default: the reader]' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand failover" -l wait -d 'Wait no longer than this' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand failover" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand failover" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand failover" -l accept-loss -d 'What the candidate lacks is lost'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand failover" -l dry-run -d 'Say what would happen, and do nothing'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand failover" -l force -d 'Do not ask for the pair\'s name'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand failover" -l no-wait -d 'Return as soon as the operation has begun'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand failover" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand failover" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand failover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand pause" -l for -d 'It ends by itself after this time' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand pause" -l reason -d 'Why' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand pause" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand pause" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand pause" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand pause" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand pause" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand resume" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand resume" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand resume" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand resume" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand ack" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand ack" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand ack" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand ack" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand ack" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand history" -s n -d 'As many at most' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand history" -l op -d 'One operation with its steps' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand history" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand history" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand history" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand history" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand processlist" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand processlist" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand processlist" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand processlist" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand processlist" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and not __fish_seen_subcommand_from hold release list help" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and not __fish_seen_subcommand_from hold release list help" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and not __fish_seen_subcommand_from hold release list help" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and not __fish_seen_subcommand_from hold release list help" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and not __fish_seen_subcommand_from hold release list help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and not __fish_seen_subcommand_from hold release list help" -f -a "hold" -d 'Stop a member\'s replication threads for a while'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and not __fish_seen_subcommand_from hold release list help" -f -a "release" -d 'Start them again'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and not __fish_seen_subcommand_from hold release list help" -f -a "list" -d 'Both links with their threads and holds'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and not __fish_seen_subcommand_from hold release list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from hold" -l pair -d 'The pair; may be left out where there is one' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from hold" -l thread -d 'Which thread' -r -f -a "receiver\t'The one that fetches'
applier\t'The one that applies'
both\t'Both'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from hold" -l for -d 'They are started again after this time' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from hold" -l reason -d 'Why' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from hold" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from hold" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from hold" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from hold" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from hold" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from release" -l pair -d 'The pair; may be left out where there is one' -r
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from release" -l thread -d 'Which thread' -r -f -a "receiver\t'The one that fetches'
applier\t'The one that applies'
both\t'Both'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from release" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from release" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from release" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from release" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from list" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from list" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from list" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from help" -f -a "hold" -d 'Stop a member\'s replication threads for a while'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from help" -f -a "release" -d 'Start them again'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from help" -f -a "list" -d 'Both links with their threads and holds'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand link; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand reload" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand reload" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand reload" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand reload" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand reload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand version" -l socket -d 'The daemon\'s control socket' -r -F
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand version" -s f -l format -d 'How answers look' -r -f -a "pretty\t'For people'
json\t'For programs'"
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand version" -s q -l quiet -d 'Say nothing where all went well'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand version" -l no-color -d 'No colours; NO_COLOR in the environment does the same'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand version" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and not __fish_seen_subcommand_from list explain switchover step-down failover pause resume ack history processlist link reload version help" -f -a "list" -d 'Members, roles, links, lag, and whether the reader could take over now'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and not __fish_seen_subcommand_from list explain switchover step-down failover pause resume ack history processlist link reload version help" -f -a "explain" -d 'Every guard of a failover and every finding, with what to do'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and not __fish_seen_subcommand_from list explain switchover step-down failover pause resume ack history processlist link reload version help" -f -a "switchover" -d 'Make the reader the writer, as planned; undone where it does not go through in time'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and not __fish_seen_subcommand_from list explain switchover step-down failover pause resume ack history processlist link reload version help" -f -a "step-down" -d 'Hand the writer\'s role to the peer, if this member has it: before its server is stopped'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and not __fish_seen_subcommand_from list explain switchover step-down failover pause resume ack history processlist link reload version help" -f -a "failover" -d 'Promote the reader now; the writer is killed if it lives'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and not __fish_seen_subcommand_from list explain switchover step-down failover pause resume ack history processlist link reload version help" -f -a "pause" -d 'Nobody promotes until `resume`'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and not __fish_seen_subcommand_from list explain switchover step-down failover pause resume ack history processlist link reload version help" -f -a "resume" -d 'End a pause'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and not __fish_seen_subcommand_from list explain switchover step-down failover pause resume ack history processlist link reload version help" -f -a "ack" -d 'Let automatic failovers happen again after too many of them'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and not __fish_seen_subcommand_from list explain switchover step-down failover pause resume ack history processlist link reload version help" -f -a "history" -d 'The last operations'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and not __fish_seen_subcommand_from list explain switchover step-down failover pause resume ack history processlist link reload version help" -f -a "processlist" -d 'The sessions of both servers'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and not __fish_seen_subcommand_from list explain switchover step-down failover pause resume ack history processlist link reload version help" -f -a "link" -d 'Stop and start replication threads on purpose'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and not __fish_seen_subcommand_from list explain switchover step-down failover pause resume ack history processlist link reload version help" -f -a "reload" -d 'Read the configuration again; a bad one changes nothing'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and not __fish_seen_subcommand_from list explain switchover step-down failover pause resume ack history processlist link reload version help" -f -a "version" -d 'The versions of this program and of the daemon'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and not __fish_seen_subcommand_from list explain switchover step-down failover pause resume ack history processlist link reload version help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and __fish_seen_subcommand_from link" -f -a "hold" -d 'Stop a member\'s replication threads for a while'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and __fish_seen_subcommand_from link" -f -a "release" -d 'Start them again'
complete -c dualmasterctl -n "__fish_dualmasterctl_using_subcommand help; and __fish_seen_subcommand_from link" -f -a "list" -d 'Both links with their threads and holds'
