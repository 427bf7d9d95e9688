# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_dualmasterd_global_optspecs
    string join \n config= check print-schema log-format= h/help V/version
end

function __fish_dualmasterd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_dualmasterd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_dualmasterd_using_subcommand
    set -l cmd (__fish_dualmasterd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c dualmasterd -n "__fish_dualmasterd_needs_command" -l config -d 'The main configuration file' -r -F
complete -c dualmasterd -n "__fish_dualmasterd_needs_command" -l log-format -d 'Where log lines go and how they look, whatever the file says' -r
complete -c dualmasterd -n "__fish_dualmasterd_needs_command" -l check -d 'Check the configuration, touch nothing, exit with 78 where it is bad'
complete -c dualmasterd -n "__fish_dualmasterd_needs_command" -l print-schema -d 'Print the JSON schema of the configuration'
complete -c dualmasterd -n "__fish_dualmasterd_needs_command" -s h -l help -d 'Print help'
complete -c dualmasterd -n "__fish_dualmasterd_needs_command" -s V -l version -d 'Print version'
complete -c dualmasterd -n "__fish_dualmasterd_needs_command" -f -a "prepare" -d 'Do one thing to a member\'s files, as the server\'s user: the daemon calls this itself'
complete -c dualmasterd -n "__fish_dualmasterd_needs_command" -f -a "take-over" -d 'Let a unit of the distribution run the server of a member, as root'
complete -c dualmasterd -n "__fish_dualmasterd_needs_command" -f -a "give-back" -d 'Make a unit that was taken over what it was before, as root'
complete -c dualmasterd -n "__fish_dualmasterd_needs_command" -f -a "serve" -d 'Become a member\'s server, as the daemon ordered: the main process of its unit'
complete -c dualmasterd -n "__fish_dualmasterd_needs_command" -f -a "fence" -d 'Stand beside a member\'s server and kill it on the daemon\'s word: in its unit'
complete -c dualmasterd -n "__fish_dualmasterd_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dualmasterd -n "__fish_dualmasterd_using_subcommand prepare" -l order -d 'The file that says what to do' -r -F
complete -c dualmasterd -n "__fish_dualmasterd_using_subcommand prepare" -s h -l help -d 'Print help'
complete -c dualmasterd -n "__fish_dualmasterd_using_subcommand take-over" -l as -d 'The member, as PAIR.MEMBER' -r
complete -c dualmasterd -n "__fish_dualmasterd_using_subcommand take-over" -s h -l help -d 'Print help'
complete -c dualmasterd -n "__fish_dualmasterd_using_subcommand give-back" -l all -d 'Every unit that was taken over'
complete -c dualmasterd -n "__fish_dualmasterd_using_subcommand give-back" -s h -l help -d 'Print help'
complete -c dualmasterd -n "__fish_dualmasterd_using_subcommand serve" -s h -l help -d 'Print help'
complete -c dualmasterd -n "__fish_dualmasterd_using_subcommand fence" -s h -l help -d 'Print help'
complete -c dualmasterd -n "__fish_dualmasterd_using_subcommand help; and not __fish_seen_subcommand_from prepare take-over give-back serve fence help" -f -a "prepare" -d 'Do one thing to a member\'s files, as the server\'s user: the daemon calls this itself'
complete -c dualmasterd -n "__fish_dualmasterd_using_subcommand help; and not __fish_seen_subcommand_from prepare take-over give-back serve fence help" -f -a "take-over" -d 'Let a unit of the distribution run the server of a member, as root'
complete -c dualmasterd -n "__fish_dualmasterd_using_subcommand help; and not __fish_seen_subcommand_from prepare take-over give-back serve fence help" -f -a "give-back" -d 'Make a unit that was taken over what it was before, as root'
complete -c dualmasterd -n "__fish_dualmasterd_using_subcommand help; and not __fish_seen_subcommand_from prepare take-over give-back serve fence help" -f -a "serve" -d 'Become a member\'s server, as the daemon ordered: the main process of its unit'
complete -c dualmasterd -n "__fish_dualmasterd_using_subcommand help; and not __fish_seen_subcommand_from prepare take-over give-back serve fence help" -f -a "fence" -d 'Stand beside a member\'s server and kill it on the daemon\'s word: in its unit'
complete -c dualmasterd -n "__fish_dualmasterd_using_subcommand help; and not __fish_seen_subcommand_from prepare take-over give-back serve fence help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
